"""What runs between the boards and the people.

    agents ══ GatewayService ══> session ─> gateway ─ events ──> scheduling.Core
                                               │ <── commands ──┘
                                               ├─ committer ─> store (one writer thread, one transaction per window)
                                               └─ live ─> ControlService.Watch, Status ══> people
    both  ══ ArtifactService ══> files by digest

`server.Coordinator` puts them together behind one address; this process (`local`) or Ray (`ray_host`) hosts it.
"""
