"""The HTTP server: requests of the OpenAI API in, answers and events out (pip extra `serve`).

`app` puts it together: `guard` stands before every route, `service` is what all routes share, each family of
routes has a module with a `router`. Knows no command line and no tokens; where it listens is `running`'s.
Guide: docs/server.md.
"""
