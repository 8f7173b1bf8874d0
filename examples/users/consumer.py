"""A consumer. It waits a few seconds for a provider to appear."""

from api import NotFound, UserService

import rpcore


async def main() -> None:
    """Calls of each kind."""
    async with rpcore.Client(application="web") as client:
        users = client.refer(UserService)
        await client.ready()
        print(await users.find(1))
        print(await users.rename(2, "Grace Hopper"))
        try:
            await users.find(7)
        except NotFound as error:
            print(f"no user {error.user_id}")
        with rpcore.options(timeout=0.1):
            print(len(await users.find_all([1, 2, 3])))


if __name__ == "__main__":
    rpcore.run(main())
