package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * Reads the tensors of a file that torch.save wrote, PyTorch 1.6 and later.
 *
 * <p>The format: a zip file whose entries lie in one folder of any name; {@code data.pkl} is a
 * pickle of the dictionary, {@code data/<key>} are the storages that its tensors are views of,
 * {@code byteorder} says how numbers lie (absent: little-endian). Several tensors may be views of
 * one storage. The dictionary must be flat: names of tensors.
 */
final class PyTorchZip {
    /** Longest pickle; the one of a Baichuan-13B shard has about 15 KB. */
    static final int MAX_PICKLE_BYTES = 16 << 20;

    private static final String PICKLE = "data.pkl";
    private static final int MAX_BYTE_ORDER_BYTES = 16;

    private final SourceFile file;
    private final Map<String, ZipDirectory.Entry> entries;
    private final String root;

    private PyTorchZip(SourceFile file, Map<String, ZipDirectory.Entry> entries, String root) {
        this.file = file;
        this.entries = entries;
        this.root = root;
    }

    /**
     * The tensors of a file in the order of its dictionary; reads the zip directory and the pickle
     * only.
     */
    static Map<String, Tensor> read(SourceFile file) throws CheckpointException {
        Map<String, ZipDirectory.Entry> entries = ZipDirectory.read(file);
        return new PyTorchZip(file, entries, root(file, entries)).read();
    }

    /** The folder of the archive, with its slash. */
    private static String root(SourceFile file, Map<String, ZipDirectory.Entry> entries)
            throws CheckpointException {
        List<String> pickles =
                entries.keySet().stream()
                        .filter(
                                name ->
                                        name.endsWith("/" + PICKLE)
                                                && name.indexOf('/') == name.lastIndexOf('/'))
                        .toList();
        if (pickles.size() != 1) {
            throw file.error(
                    "is a zip file with "
                            + pickles.size()
                            + " entries FOLDER/"
                            + PICKLE
                            + " instead of one; torch.save did not write it");
        }
        return pickles.get(0).substring(0, pickles.get(0).length() - PICKLE.length());
    }

    private Map<String, Tensor> read() throws CheckpointException {
        checkByteOrder();
        ByteBuffer pickle = contents(root + PICKLE, MAX_PICKLE_BYTES);
        Object top = Unpickler.read(pickle, file.path() + ", " + quote(root + PICKLE));
        return StateDict.tensors(file, top, this::start);
    }

    private void checkByteOrder() throws CheckpointException {
        if (!entries.containsKey(root + "byteorder")) {
            return;
        }
        ByteBuffer bytes = contents(root + "byteorder", MAX_BYTE_ORDER_BYTES);
        String order = StandardCharsets.ISO_8859_1.decode(bytes).toString();
        if (!order.equals("little")) {
            throw file.error(
                    "has byte order " + quote(order) + "; save it on a little-endian machine");
        }
    }

    private ByteBuffer contents(String name, int limit) throws CheckpointException {
        ZipDirectory.Entry entry = entry(name);
        if (entry.size() > limit) {
            throw file.error(
                    "zip entry "
                            + quote(name)
                            + " of "
                            + entry.size()
                            + " bytes is above the limit of "
                            + limit);
        }
        return file.read(entry.start(), (int) entry.size(), "zip entry " + quote(name));
    }

    private ZipDirectory.Entry entry(String name) throws CheckpointException {
        ZipDirectory.Entry entry = entries.get(name);
        if (entry == null) {
            throw file.error("has no zip entry " + quote(name));
        }
        return entry.stored(file);
    }

    /** The byte at which a storage begins in the file. */
    private long start(String tensor, PickledStorage storage) throws CheckpointException {
        ZipDirectory.Entry entry = entries.get(root + "data/" + storage.key());
        if (entry == null) {
            throw StateDict.error(
                    file,
                    tensor,
                    "its storage " + quote(root + "data/" + storage.key()) + " is not in the file");
        }
        int elementBytes = storage.dtype().bytes();
        if (entry.stored(file).size() % elementBytes != 0
                || entry.size() / elementBytes != storage.elements()) {
            throw StateDict.error(
                    file,
                    tensor,
                    "its storage "
                            + quote(entry.name())
                            + " has "
                            + entry.size()
                            + " bytes where "
                            + storage.elements()
                            + " elements of "
                            + storage.dtype()
                            + " were expected");
        }
        return entry.start();
    }
}
