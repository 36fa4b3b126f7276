package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
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
        if (!(top instanceof Map<?, ?> dictionary)) {
            throw file.error(
                    "holds " + TorchObjects.describe(top) + " instead of a dictionary of tensors");
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Map.Entry<?, ?> item : dictionary.entrySet()) {
            String name = (String) item.getKey(); // Unpickler takes no other keys
            Object value = item.getValue();
            if (value instanceof PickledTensor view) {
                tensors.put(name, tensor(name, view));
            } else if (!isScalar(value)) {
                throw error(
                        name,
                        "is "
                                + TorchObjects.describe(value)
                                + " instead of a tensor; save the state dict itself:"
                                + " torch.save(model.state_dict(), FILE)");
            }
        }
        return tensors;
    }

    /** Step counts and notes, which may stand between the tensors. */
    private static boolean isScalar(Object value) {
        return value instanceof String
                || value instanceof Long
                || value instanceof Double
                || value instanceof Boolean
                || value == Unpickler.NONE;
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

    private Tensor tensor(String name, PickledTensor view) throws CheckpointException {
        PickledStorage storage = view.storage();
        ZipDirectory.Entry entry = entries.get(root + "data/" + storage.key());
        if (entry == null) {
            throw error(
                    name,
                    "its storage " + quote(root + "data/" + storage.key()) + " is not in the file");
        }
        int elementBytes = storage.dtype().bytes();
        if (entry.stored(file).size() % elementBytes != 0
                || entry.size() / elementBytes != storage.elements()) {
            throw error(
                    name,
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
        long[] shape = view.shape().stream().mapToLong(Long::longValue).toArray();
        long[] strides = view.strides().stream().mapToLong(Long::longValue).toArray();
        checkView(name, view.offset(), shape, strides, storage.elements());
        long offset = entry.start() + view.offset() * elementBytes;
        return new Tensor(name, storage.dtype(), shape, strides, file.path(), file.size(), offset);
    }

    /** Every element of a view lies inside its storage. */
    private void checkView(String name, long offset, long[] shape, long[] strides, long available)
            throws CheckpointException {
        if (shape.length != strides.length) {
            throw error(name, "has " + shape.length + " sizes and " + strides.length + " strides");
        }
        boolean negative = offset < 0;
        for (int d = 0; d < shape.length; d++) {
            negative |= shape[d] < 0 || strides[d] < 0;
        }
        if (negative) {
            throw error(name, "has a negative offset, size or stride");
        }
        long elements;
        long end;
        try {
            elements = Tensor.elementsOf(shape);
            end = elements == 0 ? offset : Math.addExact(offset, 1);
            for (int d = 0; elements > 0 && d < shape.length; d++) {
                end = Math.addExact(end, Math.multiplyExact(shape[d] - 1, strides[d]));
            }
        } catch (ArithmeticException e) {
            throw error(name, "has a shape whose elements cannot be counted in 63 bits");
        }
        if (end > available) {
            throw error(
                    name,
                    "ends at element " + end + " of its storage, which has only " + available);
        }
        // Otherwise a file of a few bytes could ask for any amount of memory.
        if (elements > available) {
            throw error(
                    name,
                    "repeats elements: "
                            + elements
                            + " are made of "
                            + available
                            + "; save it with .contiguous()");
        }
    }

    private CheckpointException error(String tensor, String message) {
        return file.error("tensor " + quote(tensor) + ": " + message);
    }
}
