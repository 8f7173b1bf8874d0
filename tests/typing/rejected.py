"""Mistakes that type checkers must find. Each line names the error: of mypy, then of pyright."""

from __future__ import annotations

from typing import Protocol

from accepted import Blocking, UserService, UserServiceSync
from shop_client import Item, Shop
from shop_sync import ShopSync

import rpcore


async def calls(client: rpcore.Client) -> None:
    users = client.refer(UserService)
    await users.find("42")  # E: arg-type, reportArgumentType
    await users.find()  # E: call-arg, reportCallIssue
    await users.find_one(42)  # E: attr-defined, reportAttributeAccessIssue
    name: str = await users.find(42)  # E: assignment, reportAssignmentType
    print(name)


def options(client: rpcore.Client) -> None:
    client.refer(UserService, timeout="1")  # E: call-overload, reportCallIssue reportArgumentType
    client.refer(UserService, timeot=1.0)  # E: call-overload, reportCallIssue
    rpcore.options(timeout="1")  # E: arg-type, reportArgumentType


@rpcore.interface("demo.Bad", timeot=1.0)  # E: call-overload, reportCallIssue
class Bad(Protocol):
    @rpcore.method(retries="2")  # E: arg-type, reportArgumentType
    async def find(self) -> None: ...


def blocking(client: Blocking) -> None:
    users = client.refer(UserServiceSync)
    users.find("42")  # E: arg-type, reportArgumentType
    users.rename(1, "x")  # E: attr-defined, reportAttributeAccessIssue


async def generated(client: rpcore.Client, blocking: Blocking) -> None:
    shop = client.refer(Shop)
    await shop.find_item(1.5)  # E: arg-type, reportArgumentType
    await shop.find_items("k")  # E: attr-defined, reportAttributeAccessIssue
    Item(id=1)  # E: arg-type, reportArgumentType
    sync = blocking.refer(ShopSync)
    sync.find_item(key=None)  # E: arg-type, reportArgumentType
    sync.find_items("k")  # E: attr-defined, reportAttributeAccessIssue
