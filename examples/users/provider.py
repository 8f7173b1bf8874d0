"""A provider. Start several; each takes a free port and publishes itself. SIGTERM drains it."""

from api import NotFound, User, UserService

import rpcore


class Users:
    """Serves UserService; any object with its methods does."""

    def __init__(self) -> None:
        self._users = {1: User(1, "Ada", ["admin"]), 2: User(2, "Grace")}

    async def find(self, user_id: int) -> User:
        try:
            return self._users[user_id]
        except KeyError:
            raise NotFound(user_id) from None

    async def find_all(self, ids: list[int]) -> list[User]:
        return [self._users[i] for i in ids if i in self._users]

    async def rename(self, user_id: int, name: str) -> User:
        user = await self.find(user_id)
        user.name = name
        return user


if __name__ == "__main__":
    server = rpcore.Server(application="users", host="127.0.0.1", port=0)
    server.export(UserService, Users(), weight=100)
    server.run()
