package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import io.github.baichuanreward.checkpoint.TorchObjects.Refused;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Reads the tensors of a file that torch.save wrote before PyTorch 1.6, or later with {@code
 * _use_new_zipfile_serialization=False}.
 *
 * <p>The format: five pickles (magic number, version, facts about the machine, the dictionary, the
 * keys of its storages in their order), then for each storage its number of elements in 8 bytes and
 * its elements, without gaps or alignment. The pickles do not say how long they are. A storage that
 * the keys leave out, an unknown key and bytes behind the last storage are refused: torch.load
 * would take the first and the last in silence.
 */
final class PyTorchLegacy {
    /** Most bytes of the five pickles together; those of a Baichuan-13B shard have about 15 KB. */
    static final int MAX_PICKLE_BYTES = 16 << 20;

    private static final int PICKLES = 5;
    private static final long VERSION = 1001;

    /** The number 0x1950a86a20f9469cfc6c as an instruction, and the end of its pickle. */
    private static final byte[] MAGIC = {
        (byte) Opcode.LONG1,
        10,
        0x6c,
        (byte) 0xfc,
        (byte) 0x9c,
        0x46,
        (byte) 0xf9,
        0x20,
        0x6a,
        (byte) 0xa8,
        0x50,
        0x19,
        Opcode.STOP
    };

    private static final int PROTO_BYTES = 2;
    private static final int FRAME_BYTES = 9;

    private final SourceFile file;

    /** The start of the file; its position is behind the pickles that have been read. */
    private final ByteBuffer pickles;

    /** What the dictionary refers to, by key. */
    private final Map<String, PickledStorage> storages = new LinkedHashMap<>();

    /** The byte at which each of them begins in the file. */
    private final Map<String, Long> starts = new HashMap<>();

    private PyTorchLegacy(SourceFile file, ByteBuffer pickles) {
        this.file = file;
        this.pickles = pickles;
    }

    /** Whether a file that begins like this is a pickle, of torch.save or of anyone else. */
    static boolean isPickle(ByteBuffer start) {
        return start.limit() >= PROTO_BYTES
                && start.get(0) == (byte) Opcode.PROTO
                && start.get(1) >= Unpickler.MIN_PROTOCOL
                && start.get(1) <= Unpickler.MAX_PROTOCOL;
    }

    /**
     * The tensors of a file in the order of its dictionary; reads the pickles and the lengths of
     * the storages only.
     */
    static Map<String, Tensor> read(SourceFile file) throws CheckpointException {
        int window = (int) Math.min(MAX_PICKLE_BYTES, file.size());
        return new PyTorchLegacy(file, file.read(0, window, "pickles")).read();
    }

    private Map<String, Tensor> read() throws CheckpointException {
        skipMagic();
        Object version = next(2, PyTorchLegacy::refuse);
        if (!isVersion(version)) {
            throw file.error(
                    "is of version "
                            + TorchObjects.describe(version)
                            + " of torch.save's format; only "
                            + VERSION
                            + " is known");
        }
        checkMachine(next(3, PyTorchLegacy::refuse));
        Object dictionary = next(4, this::storage);
        locateAll(next(PICKLES, PyTorchLegacy::refuse));
        return StateDict.tensors(
                file,
                dictionary,
                (tensor, storage) -> Objects.requireNonNull(starts.get(storage.key())));
    }

    /** The first pickle is compared, not read: its number is longer than any other may be. */
    private void skipMagic() throws CheckpointException {
        int start = PROTO_BYTES;
        if (pickles.limit() > start && pickles.get(start) == (byte) Opcode.FRAME) {
            start += FRAME_BYTES; // written by protocols 4 and 5
        }
        int end = start + MAGIC.length;
        if (pickles.limit() < end
                || !pickles.slice(start, MAGIC.length).equals(ByteBuffer.wrap(MAGIC))) {
            throw file.error(
                    "is a pickle, but does not begin with the magic number of torch.save; save the"
                            + " model's tensors with torch.save(model.state_dict(), FILE) or as safetensors");
        }
        pickles.position(end);
    }

    private Object next(int number, Unpickler.PersistentIds ids) throws CheckpointException {
        if (pickles.position() == file.size()) {
            throw file.error(
                    "ends before pickle "
                            + number
                            + " of "
                            + PICKLES
                            + "; it has been cut short or is not of torch.save");
        }
        String beyond =
                pickles.limit() == file.size()
                        ? "ends in the middle of an instruction; the file has been cut short"
                        : "goes beyond the limit of "
                                + MAX_PICKLE_BYTES
                                + " bytes for all pickles of a file";
        return Unpickler.readNext(
                pickles, file.path() + ", pickle " + number + " of " + PICKLES, ids, beyond);
    }

    private static Object refuse(Object id) throws Refused {
        throw new Refused("has a persistent id, which only the dictionary may have");
    }

    private static boolean isVersion(@Nullable Object object) {
        return object instanceof Long version && version == VERSION;
    }

    private void checkMachine(Object facts) throws CheckpointException {
        if (!(facts instanceof Map<?, ?> machine)
                || !isVersion(machine.get("protocol_version"))
                || !(machine.get("little_endian") instanceof Boolean littleEndian)) {
            throw file.error(
                    "does not say in pickle 3 with which version and byte order it was written; it is damaged");
        }
        // The elements would be little-endian nevertheless, but their numbers only in some
        // versions.
        if (!littleEndian) {
            throw file.error(
                    "was written on a big-endian machine; save it on a little-endian machine");
        }
    }

    /** A storage that the dictionary refers to. */
    private PickledStorage storage(Object id) throws Refused {
        PickledStorage storage = TorchObjects.legacyStorage(id);
        PickledStorage known = storages.putIfAbsent(storage.key(), storage);
        if (known != null
                && (known.dtype() != storage.dtype() || known.elements() != storage.elements())) {
            throw new Refused(
                    "describes storage "
                            + quote(storage.key())
                            + " as "
                            + describe(storage)
                            + " and as "
                            + describe(known));
        }
        return storage;
    }

    /** Finds every storage: each begins where the one before it ends. */
    private void locateAll(Object keys) throws CheckpointException {
        if (!(keys instanceof List<?> list)) {
            throw file.error(
                    "has "
                            + TorchObjects.describe(keys)
                            + " in pickle 5 instead of a list of keys");
        }
        long at = pickles.position();
        for (Object item : list) {
            if (!(item instanceof String key) || !storages.containsKey(key)) {
                throw file.error(
                        "lists among its storages "
                                + TorchObjects.describe(item)
                                + ", which no tensor refers to");
            }
            if (starts.containsKey(key)) {
                throw file.error("lists storage " + quote(key) + " twice");
            }
            at = locate(at, Objects.requireNonNull(storages.get(key)));
        }
        for (String key : storages.keySet()) {
            if (!starts.containsKey(key)) {
                throw file.error(
                        "does not list storage " + quote(key) + ", which a tensor refers to");
            }
        }
        if (at != file.size()) {
            throw file.error(
                    "has "
                            + (file.size() - at)
                            + " bytes behind its last storage; it is damaged, or holds more than one"
                            + " object of torch.save");
        }
    }

    /** Notes where a storage begins, and returns where it ends. */
    private long locate(long at, PickledStorage storage) throws CheckpointException {
        String what = "storage " + quote(storage.key());
        long elements = file.read(at, Long.BYTES, what + ", its number of elements").getLong();
        if (elements != storage.elements()) {
            throw file.error(
                    what
                            + " at byte "
                            + at
                            + " has "
                            + elements
                            + " elements where the dictionary expects "
                            + describe(storage));
        }
        long start = at + Long.BYTES;
        if (elements > (file.size() - start) / storage.dtype().bytes()) {
            throw file.error(
                    what
                            + ", "
                            + describe(storage)
                            + " from byte "
                            + start
                            + ", ends beyond the file of "
                            + file.size()
                            + " bytes, which has been cut short");
        }
        starts.put(storage.key(), start);
        return start + elements * storage.dtype().bytes();
    }

    private static String describe(PickledStorage storage) {
        return storage.elements() + " elements of " + storage.dtype();
    }
}
