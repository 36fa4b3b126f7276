"""Writes the five pickles with which torch.save before PyTorch 1.6 would begin a file of the tensors of a zip file of torch.save; needs Python alone.

  for each in tiny-a tiny-fp16 tiny-views; do python3 make_legacy.py $each/pytorch_model.bin $each/legacy_pickles.bin; done

Python's own pickler writes them, with stand-ins for the few names of PyTorch. Classes, calls, persistent ids and the order of the keys are those of
torch.save(..., _use_new_zipfile_serialization=False); only the keys are those of the zip file, where PyTorch would use memory addresses. The storages,
which follow the pickles in such a file, are in the zip file: LegacyBuilder puts both together.
"""
import collections, pickle, sys, types, zipfile

MAGIC_NUMBER = 0x1950a86a20f9469cfc6c
PROTOCOL_VERSION = 1001
STORAGE_CLASSES = "DoubleStorage FloatStorage HalfStorage BFloat16Storage LongStorage".split()

torch = types.ModuleType("torch")
torch._utils = types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": torch._utils})


def stand_in(module, definition):
    """Gives a class or function the name under which PyTorch has it."""
    definition.__module__ = module.__name__
    definition.__qualname__ = definition.__name__
    setattr(module, definition.__name__, definition)


for name in STORAGE_CLASSES:
    stand_in(torch, type(name, (), {}))


class Tensor:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce_ex__(self, protocol):
        return torch._utils._rebuild_tensor_v2, self.arguments


class Parameter:
    def __init__(self, *arguments):
        self.arguments = arguments

    def __reduce_ex__(self, protocol):
        return torch._utils._rebuild_parameter, self.arguments


def _rebuild_tensor_v2(*arguments):
    return Tensor(*arguments)


def _rebuild_parameter(*arguments):
    return Parameter(*arguments)


stand_in(torch._utils, _rebuild_tensor_v2)
stand_in(torch._utils, _rebuild_parameter)


class Storage:
    def __init__(self, storage_class, key, location, elements):
        self.persistent_id = ("storage", storage_class, key, location, elements, None)


class ZipUnpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module in ("torch", "torch._utils"):
            return vars(sys.modules[module])[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not expected in a state dict")

    def persistent_load(self, saved_id):
        kind, storage_class, key, location, elements = saved_id
        assert kind == "storage", saved_id
        return self.storages.setdefault(key, Storage(storage_class, key, location, elements))


class LegacyPickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj.persistent_id if isinstance(obj, Storage) else None


def main():
    source, target = sys.argv[1:]
    with zipfile.ZipFile(source) as archive:
        pickle_name, = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        unpickler = ZipUnpickler(archive.open(pickle_name))
        state_dict = unpickler.load()
    with open(target, "wb") as out:
        pickle.dump(MAGIC_NUMBER, out, protocol=2)
        pickle.dump(PROTOCOL_VERSION, out, protocol=2)
        pickle.dump(dict(protocol_version=PROTOCOL_VERSION, little_endian=True, type_sizes=dict(short=2, int=4, long=4)), out, protocol=2)
        LegacyPickler(out, protocol=2).dump(state_dict)
        pickle.dump(sorted(unpickler.storages), out, protocol=2)


main()
