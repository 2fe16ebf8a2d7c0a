"""The live page: what is being painted now, over HTTP on this machine only, read-only.

:mod:`styled.web.guard` decides who gets an answer, :mod:`styled.web.files` which files of ``evolution/`` are given,
:mod:`styled.web.look` reads what is shown, :mod:`styled.web.stream` sends it when it has changed.
"""
