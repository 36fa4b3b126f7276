package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Turns the dictionary that a pickle describes into tensors of its file.
 *
 * <p>Both formats of torch.save describe tensors in the same way, as views of storages, and differ
 * in where the storages lie. The dictionary must be flat: names of tensors.
 */
final class StateDict {
    private StateDict() {}

    /** Where the storages of a file lie. */
    interface Storages {
        /**
         * The byte at which a storage begins in the file.
         *
         * @param tensor a view of it, for messages
         * @throws CheckpointException if the file does not hold the storage in the length that the
         *     pickle gives
         */
        long start(String tensor, PickledStorage storage) throws CheckpointException;
    }

    /**
     * The tensors in the order of the dictionary; numbers, strings and None between them are left
     * out.
     *
     * @param top what the pickle holds
     * @throws CheckpointException if it is no flat dictionary of tensors, or a tensor is not a view
     *     of elements that are in the file
     */
    static Map<String, Tensor> tensors(SourceFile file, Object top, Storages storages)
            throws CheckpointException {
        if (!(top instanceof Map<?, ?> dictionary)) {
            throw file.error(
                    "holds " + TorchObjects.describe(top) + " instead of a dictionary of tensors");
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Map.Entry<?, ?> item : dictionary.entrySet()) {
            String name = (String) item.getKey(); // Unpickler takes no other keys
            Object value = item.getValue();
            if (value instanceof PickledTensor view) {
                tensors.put(name, tensor(file, name, view, storages));
            } else if (!isScalar(value)) {
                throw error(
                        file,
                        name,
                        "is "
                                + TorchObjects.describe(value)
                                + " instead of a tensor; save the state dict itself:"
                                + " torch.save(model.state_dict(), FILE)");
            }
        }
        return tensors;
    }

    /** An error about one tensor of a file. */
    static CheckpointException error(SourceFile file, String tensor, String message) {
        return file.error("tensor " + quote(tensor) + ": " + message);
    }

    /** Step counts and notes, which may stand between the tensors. */
    private static boolean isScalar(Object value) {
        return value instanceof String
                || value instanceof Long
                || value instanceof Double
                || value instanceof Boolean
                || value == Unpickler.NONE;
    }

    private static Tensor tensor(
            SourceFile file, String name, PickledTensor view, Storages storages)
            throws CheckpointException {
        PickledStorage storage = view.storage();
        long start = storages.start(name, storage);
        long[] shape = view.shape().stream().mapToLong(Long::longValue).toArray();
        long[] strides = view.strides().stream().mapToLong(Long::longValue).toArray();
        checkView(file, name, view.offset(), shape, strides, storage.count());
        long offset = start + (storage.first() + view.offset()) * storage.dtype().bytes();
        return new Tensor(name, storage.dtype(), shape, strides, file.path(), file.size(), offset);
    }

    /** Every element of a view lies inside its storage. */
    private static void checkView(
            SourceFile file, String name, long offset, long[] shape, long[] strides, long available)
            throws CheckpointException {
        if (shape.length != strides.length) {
            throw error(
                    file,
                    name,
                    "has " + shape.length + " sizes and " + strides.length + " strides");
        }
        boolean negative = offset < 0;
        for (int d = 0; d < shape.length; d++) {
            negative |= shape[d] < 0 || strides[d] < 0;
        }
        if (negative) {
            throw error(file, name, "has a negative offset, size or stride");
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
            throw error(file, name, "has a shape whose elements cannot be counted in 63 bits");
        }
        if (end > available) {
            throw error(
                    file,
                    name,
                    "ends at element " + end + " of its storage, which has only " + available);
        }
        // Otherwise a file of a few bytes could ask for any amount of memory.
        if (elements > available) {
            throw error(
                    file,
                    name,
                    "repeats elements: "
                            + elements
                            + " are made of "
                            + available
                            + "; save it with .contiguous()");
        }
    }
}
