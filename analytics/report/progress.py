"""How far a long reading is, in the cell of the notebook that waits for it."""

import sys
from typing import Any

LONG = 500  # texts: fewer are read before anybody asks


class Progress:
    """A bar that moves in JupyterLab and goes when the reading ends; nothing is shown anywhere else."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, done: int, of: int) -> None:
        """Draw how many texts were read, and of how many."""
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        if of < LONG or getattr(shell, "kernel", None) is None:
            return
        from IPython.display import HTML, display

        bar = f'<progress max="{of}" value="{done}"></progress> {done:,} of {of:,} texts read'
        if self._bar is None:
            self._bar = display(HTML(bar), display_id=True)
        else:
            self._bar.update(HTML(bar if done < of else ""))
        self._bar = self._bar if done < of else None
