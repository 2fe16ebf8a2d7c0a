"""Jobs painted on other machines: each attempt in a folder of its own, in a spool; only this side writes ``evolution/``.

::

    daemon ── RemoteRunner ──JSON lines──► bridge: StagedRunner ──► an engine (Slurm, Ray) ──► node: attempt ──► worker
                                             │ mirror: checks, then renames                    │
                                             ▼                                                 ▼
                                       evolution/<job>/  ◄───────────── spool/<attempt>/ ──────┘
"""
