"""The rival of bench/extract-lora.ts: a LoRA of the attention layers of two SD 1.5 files, by torch.

python bench/extract_lora_rival.py TUNED BASE RANK lowrank|full

`lowrank`: torch.svd_lowrank with as many directions and rounds as sdtool takes. `full`: torch.linalg.svd, as
kohya-ss/sd-scripts does it, of one layer of each shape; prints what all layers would take. Prints the energy kept, too.
"""

import sys
import time

import torch
from safetensors import safe_open

OVERSAMPLE, ROUNDS = 16, 4
tuned, base, rank, method = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
ENDS = ('proj_in', 'proj_out', 'to_q', 'to_k', 'to_v', 'to_out.0', 'net.0.proj', 'net.2')

start = time.perf_counter()
kept = whole = estimate = 0.0
shapes = {}
with safe_open(tuned, 'pt') as a, safe_open(base, 'pt') as b:
    keys = [key for key in a.keys() if key.startswith('model.diffusion_model.') and key.removesuffix('.weight').endswith(ENDS)]
    keys = [key for key in keys if key.endswith('.weight')]
    for key in keys:
        shapes.setdefault(tuple(a.get_slice(key).get_shape()), []).append(key)
    for same in shapes.values():
        for key in same if method == 'lowrank' else same[:1]:
            delta = (a.get_tensor(key).float() - b.get_tensor(key).float()).flatten(1)
            before = time.perf_counter()
            if method == 'lowrank':
                u, s, v = torch.svd_lowrank(delta, rank + OVERSAMPLE, ROUNDS)
            else:
                u, s, v = torch.linalg.svd(delta, full_matrices=False)
                estimate += (time.perf_counter() - before) * len(same)
            u[:, :rank] * s[:rank], v[:, :rank].T
            kept += float((s[:rank] ** 2).sum())
            whole += float((delta**2).sum())
took = time.perf_counter() - start
print(f'{method}: {len(keys)} layers, {took if method == "lowrank" else estimate:.1f} s, energy kept {100 * kept / whole:.1f} %')
