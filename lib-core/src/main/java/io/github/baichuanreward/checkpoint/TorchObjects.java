package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The whole of Python that a pickle may name: what PyTorch writes for a dictionary of tensors.
 *
 * <p>Names are looked up in this list, never anywhere else, and "calling" one builds one of our own
 * records. Methods throw {@link Refused}, which {@link Unpickler} turns into an error with a
 * position.
 */
final class TorchObjects {
    /** Most dimensions of a tensor, the limit of PyTorch. */
    static final int MAX_RANK = 64;

    private TorchObjects() {}

    /** A pickle asks for something that is not allowed or makes no sense. */
    static final class Refused extends Exception {
        private static final long serialVersionUID = 1L;

        private final String reason;

        Refused(String reason) {
            super(reason);
            this.reason = reason;
        }

        /**
         * What the pickle does that is refused, as the end of a sentence that begins with "the
         * pickle".
         */
        String reason() {
            return reason;
        }
    }

    /** The callables that are allowed. */
    private enum Callable {
        ORDERED_DICT,
        REBUILD_TENSOR_V2,
        REBUILD_PARAMETER
    }

    /** A class {@code torch.FloatStorage} or its like: names the type of a storage's elements. */
    private record StorageType(DType dtype) {}

    /**
     * A Python tuple. Its items are never compared or printed, so that nesting cannot exhaust the
     * stack.
     */
    record PickledTuple(List<Object> items) {}

    /** The Python object of that name. */
    static Object global(String module, String name) throws Refused {
        if (module.equals("collections") && name.equals("OrderedDict")) {
            return Callable.ORDERED_DICT;
        }
        if (module.equals("torch._utils") && name.equals("_rebuild_tensor_v2")) {
            return Callable.REBUILD_TENSOR_V2;
        }
        if (module.equals("torch._utils") && name.equals("_rebuild_parameter")) {
            return Callable.REBUILD_PARAMETER;
        }
        @Nullable DType dtype = module.equals("torch") ? DType.ofStorageClass(name) : null;
        if (dtype != null) {
            return new StorageType(dtype);
        }
        throw new Refused(
                "refers to "
                        + quote(module + "." + name)
                        + ", which is not among the few names that a file of tensors needs; nothing was run. If the file is"
                        + " trusted, save its state dict again as float32, float16 or bfloat16 tensors, or as safetensors");
    }

    /** What Python's {@code callable(*arguments)} would give. */
    static Object call(Object callable, Object arguments) throws Refused {
        if (!(callable instanceof Callable known) || !(arguments instanceof PickledTuple tuple)) {
            throw new Refused("calls " + describe(callable) + " with " + describe(arguments));
        }
        List<Object> items = tuple.items();
        return switch (known) {
            case ORDERED_DICT -> {
                if (!items.isEmpty()) {
                    throw new Refused("passes arguments to collections.OrderedDict");
                }
                yield new LinkedHashMap<Object, Object>();
            }
            case REBUILD_TENSOR_V2 -> tensor(items);
            case REBUILD_PARAMETER -> {
                if (items.size() != 3 || !(items.get(0) instanceof PickledTensor)) {
                    throw new Refused(
                            "passes to _rebuild_parameter something else than a tensor and two settings");
                }
                yield items.get(0);
            }
        };
    }

    /** The storage that {@code ('storage', type, key, location, elements)} stands for. */
    static PickledStorage storage(Object id) throws Refused {
        if (id instanceof PickledTuple tuple
                && tuple.items().size() == 5
                && tuple.items().get(0).equals("storage")
                && tuple.items().get(1) instanceof StorageType type
                && tuple.items().get(2) instanceof String key
                && tuple.items().get(3) instanceof String
                && tuple.items().get(4) instanceof Long elements
                && elements >= 0) {
            return new PickledStorage(type.dtype(), key, elements);
        }
        throw new Refused(
                "has a persistent id that is not ('storage', type, key, location, elements)");
    }

    /**
     * The storage that such an id with a sixth item stands for, as files before PyTorch 1.6 have
     * it: None, or {@code (key, first, count)} for a part of the storage, which PyTorch before 0.4
     * could make.
     */
    static PickledStorage legacyStorage(Object id) throws Refused {
        if (!(id instanceof PickledTuple tuple) || tuple.items().size() != 6) {
            throw new Refused(
                    "has a persistent id that is not ('storage', type, key, location, elements, view)");
        }
        PickledStorage whole = storage(new PickledTuple(tuple.items().subList(0, 5)));
        if (tuple.items().get(5) == Unpickler.NONE) {
            return whole;
        }
        if (tuple.items().get(5) instanceof PickledTuple part
                && part.items().size() == 3
                && part.items().get(0) instanceof String
                && part.items().get(1) instanceof Long first
                && part.items().get(2) instanceof Long count
                && first >= 0
                && count >= 0
                && first <= whole.elements() - count) {
            return new PickledStorage(whole.dtype(), whole.key(), whole.elements(), first, count);
        }
        throw new Refused(
                "has a persistent id whose view is not (key, first, count) inside the "
                        + whole.elements()
                        + " elements of its storage");
    }

    /** What kind of object that is, for messages; looks one level deep. */
    static String describe(Object object) {
        if (object instanceof PickledTensor) {
            return "a tensor";
        }
        if (object instanceof PickledTuple) {
            return "a tuple";
        }
        if (object instanceof Map) {
            return "a dictionary";
        }
        if (object instanceof List) {
            return "a list";
        }
        if (object instanceof String text) {
            return "the string " + quote(text);
        }
        return object instanceof Number || object instanceof Boolean
                ? object.toString()
                : "an object";
    }

    /**
     * Arguments: storage, offset, sizes, strides, requires_grad, hooks and, since PyTorch 1.13,
     * flags if any is set.
     */
    private static PickledTensor tensor(List<Object> items) throws Refused {
        if (items.size() < 6
                || items.size() > 7
                || !(items.get(0) instanceof PickledStorage storage)
                || !(items.get(1) instanceof Long offset)) {
            throw new Refused(
                    "passes to _rebuild_tensor_v2 something else than a storage, an offset, sizes and strides");
        }
        if (items.size() == 7 && !(items.get(6) instanceof Map<?, ?> flags && flags.isEmpty())) {
            throw new Refused(
                    "holds a conjugated or negated view; save the tensor after .resolve_conj().resolve_neg()");
        }
        return new PickledTensor(
                storage, offset, numbers("sizes", items.get(2)), numbers("strides", items.get(3)));
    }

    private static List<Long> numbers(String what, Object object) throws Refused {
        if (!(object instanceof PickledTuple tuple) || tuple.items().size() > MAX_RANK) {
            throw new Refused(
                    "passes to _rebuild_tensor_v2 "
                            + what
                            + " that are not a tuple of at most "
                            + MAX_RANK);
        }
        List<Long> numbers = new ArrayList<>();
        for (Object item : tuple.items()) {
            if (!(item instanceof Long number)) {
                throw new Refused(
                        "passes to _rebuild_tensor_v2 " + what + " that are not whole numbers");
            }
            numbers.add(number);
        }
        return List.copyOf(numbers);
    }
}
