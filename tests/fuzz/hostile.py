"""Backends and PSF models that do all that plugins must not, and the sentences that they have to end in."""

import numpy as np
from fixtures.sites import put

BACKENDS = {
    "exits": "import sys\nsys.exit(0)\n",
    "quits": "raise GeneratorExit\n",
    "interrupts": "raise KeyboardInterrupt\n",
    "recurses": "def f(): f()\nf()\n",
    "allocates": "bytearray(1 << 60)\n",
    "lies": "class E(Exception):\n    def __str__(self): raise ValueError\nraise E\n",
    "babbles": "raise OSError('one\\ntwo\\nthree')\n",
    "starts and exits": "def make(device):\n    raise SystemExit(0)\n",
    "starts and quits": "def make(device):\n    raise GeneratorExit\n",
    "gives nothing": "def make(device): pass\n",
    "refuses attributes": "class B:\n    def __getattr__(self, name): raise SystemExit(name)\n"
    "def make(device): return B()\n",
}
"""Hostile on import or start, yet within what one process can contain."""

DEADLY = {
    "hangs": "import time\nwhile True: time.sleep(1)\n",
    "spins": "while True: pass\n",
    "leaves": "import os\nos._exit(0)\n",
    "crashes": "import ctypes\nctypes.string_at(0)\n",
    "floods": "while True: print('x' * 10000, flush=True)\n",
    "spawns": "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "time.sleep(60)\n",
}
"""Hostile beyond what a process can contain; only `rlcore backends` and `rlcore.survey(seconds)` face them."""

MODELS = {
    "nan": "import numpy as np\ndef make(m, w, h, s, v): return np.full((len(h), *s), np.nan)\n",
    "negative": "import numpy as np\ndef make(m, w, h, s, v): return -np.ones((len(h), *s))\n",
    "dark": "import numpy as np\ndef make(m, w, h, s, v): return np.zeros((len(h), *s))\n",
    "huge": "import numpy as np\ndef make(m, w, h, s, v): return np.full((len(h), *s), 1e308)\n",
    "shape": "import numpy as np\ndef make(m, w, h, s, v): return np.ones((len(h), 1, *s))\n",
    "complex": "import numpy as np\ndef make(m, w, h, s, v): return np.ones((len(h), *s)) * (1 + 1j)\n",
    "text": "def make(m, w, h, s, v): return 'light'\n",
    "nothing": "def make(m, w, h, s, v): return None\n",
    "ragged": "def make(m, w, h, s, v): return [[1], [1, 2]]\n",
    "exits": "def make(m, w, h, s, v): raise SystemExit(0)\n",
    "quits": "def make(m, w, h, s, v): raise GeneratorExit\n",
    "interrupts": "def make(m, w, h, s, v): raise KeyboardInterrupt\n",
    "arguments": "def make(): pass\n",
    "array": "class A:\n    def __array__(self, *a, **k): raise SystemExit(0)\ndef make(m, w, h, s, v): return A()\n",
    "import": "raise SystemExit(0)\n",
}


def install(folder, name, source, group):
    """Installs a distribution, and returns its name."""
    module = f"hostile_{name.replace(' ', '_')}"
    put(folder, module, source, plugin=name, group=group)
    return f"rlcore-{module}"


def image(folder):
    """Writes an image and a PSF that any backend restores."""
    np.save(folder / "image.npy", np.full((3, 5, 5), 7.0, np.float32))
    np.save(folder / "psf.npy", np.ones((3, 3, 3), np.float32))
