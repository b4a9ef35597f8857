"""A server of the OpenAI API used like a model of our own: messages and documents in, answers out.

`http` speaks to the server, `model` asks it, `documents` has it transcribe. Whoever holds a `RemoteModel` or
what `remote_transcriber` gives cannot tell them from a `Model` and a `Transcriber`. Opens connections to the
one URL that it was given, and nowhere else. Knows no engine.
"""
