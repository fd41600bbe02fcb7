"""The code of steps that reikna's transforms of lines take along."""

from __future__ import annotations

from typing import Any

import numpy as np
from reikna.core import Annotation, Parameter, Transformation, Type

from rlcore_reikna.line_steps import NO_STEP, RATIO, SPREAD, WEIGHTED

_CODE = f"""
    ${{voxels.ctype}} v = ${{voxels.load_same}};
    int writes = 1;
    if (${{step}}) {{
        const int line = ${{idxs[0]}}, x = 2 * (int)${{idxs[1]}};
        const int z = line / ${{ny}}, y = line % ${{ny}};
        ${{voxels.ctype}} w = (float2)(1.0f, 1.0f), a = (float2)(0.0f, 0.0f);
        if (${{step}} == {RATIO}) {{
            writes = z >= ${{az}} && z < ${{bz}} && y >= ${{ay}} && y < ${{by}} && x + 1 >= ${{ax}} && x < ${{bx}};
        }} else if (${{step}} == {WEIGHTED}) {{
            w = ${{weight.load_same}};
        }} else if (${{step}} == {SPREAD}) {{
            const int row = (${{index.load_idx}}(z) * ${{ty}} + ${{index.load_idx}}(${{nz}} + y)) * ${{tx}};
            w.x = ${{table.load_idx}}(row + ${{index.load_idx}}(${{nz}} + ${{ny}} + x));
            w.y = ${{table.load_idx}}(row + ${{index.load_idx}}(${{nz}} + ${{ny}} + x + 1));
            writes = !${{in_place}} || w.x != 0.0f || w.y != 0.0f; // else it stays what it is
        }}
        if (writes) a = ${{operand.load_same}};
        if (${{step}} == {RATIO}) {{
            v += (float2)(${{background}}, ${{background}});
            v.x = v.x < ${{least}} ? ${{least}} : v.x; // NaN stays
            v.y = v.y < ${{least}} ? ${{least}} : v.y;
            v.x = writes && x >= ${{ax}} ? a.x / v.x - 1.0f : 0.0f;
            v.y = writes && x + 1 < ${{bx}} ? a.y / v.y - 1.0f : 0.0f;
            writes = 1;
        }} else {{
            v.x = 1.0f + w.x * v.x;
            v.y = 1.0f + w.y * v.y;
            v.x = a.x * (v.x < 0.0f ? 0.0f : v.x);
            v.y = a.y * (v.y < 0.0f ? 0.0f : v.y);
        }}
    }}
    if (writes) {{ ${{out.store_same}}(v); }}
"""


def connect(transform: Any, lines: Any) -> None:
    """Have reikna's transform of lines of this type take any step along."""
    array, one = Annotation(lines, "o"), Annotation(Type(np.float32, (1,)), "i")
    arrays = [Parameter(name, Annotation(lines, "i")) for name in ("operand", "weight", "voxels")]
    small = [Parameter("table", one), Parameter("index", Annotation(Type(np.int32, (1,)), "i"))]
    numbers = [Parameter(name, Annotation(Type(value.dtype))) for name, value in NO_STEP.numbers.items()]
    step = Transformation([Parameter("out", array), *arrays, *small, *numbers], _CODE)
    names = [name for name in step.signature.parameters if name != "voxels"]
    transform.parameter.output.connect(step, step.voxels, **{name: getattr(step, name) for name in names})
