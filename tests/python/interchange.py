"""What Python makes of our `.pth` files: torch.load, and MiniMind's own names.

interchange.py <folder of the programs> <golden folder>
Prints a line for each check; the last is "N passed, N failed".
"""
import pathlib
import tempfile

import torch

from checks import GOLDEN, check, convert, finish, golden

def same_tensors(ours, theirs):
    if list(ours) != list(theirs):
        return f"keys {list(ours)[:3]}... in place of {list(theirs)[:3]}..."
    for key, tensor in theirs.items():
        if ours[key].dtype != tensor.dtype or not torch.equal(ours[key], tensor):
            return f"{key} differs"
    return None


def tied_storages(state_dict, head, embedding):
    return state_dict[head].data_ptr() == state_dict[embedding].data_ptr()


def check_pth(folder):
    """Our .pth of every generation is the file that Python wrote: keys, order, dtypes, bytes, tied pair."""
    for name, generation in [("g1_dense_ordered_fp32", "g1"), ("g1_moe_ordered_fp32", "g1"),
                             ("g2_moe_ordered_fp32", "g2"), ("g3a_dense_dict_fp16", "g3"),
                             ("g3a_moe_dict_fp16", "g3"), ("g3c_moe_two_shared_fp16", "g3"),
                             ("g4b_dense_dict_fp16", "g4"), ("g4b_moe_dict_bf16", "g4")]:
        path = folder / f"{name}.pth"
        convert(name, path, "--to", generation)
        ours = torch.load(path, weights_only=True, mmap=True)
        theirs = torch.load(GOLDEN / golden(name)["file"], weights_only=True, map_location="cpu")
        check(f"{name} -> {generation} .pth has the tensors of Python's file", same_tensors(ours, theirs))
        check(f"{name} -> {generation} .pth is a {type(theirs).__name__}",
              None if type(ours) is type(theirs) else type(ours).__name__)
        head, embedding = list(theirs)[-1], list(theirs)[0]
        shared = tied_storages(theirs, head, embedding)
        check(f"{name} -> {generation} .pth {'shares' if shared else 'doubles'} the tied pair",
              None if tied_storages(ours, head, embedding) == shared else "it does not")
        versions = [getattr(state_dict, "_metadata", None) is not None for state_dict in (ours, theirs)]
        check(f"{name} -> {generation} .pth {'has' if versions[1] else 'has no'} module versions",
              None if versions[0] == versions[1] else str(versions[0]))


with tempfile.TemporaryDirectory() as temporary:
    check_pth(pathlib.Path(temporary))
finish()
