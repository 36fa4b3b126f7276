package io.github.baichuanreward.checkpoint;

/**
 * A storage that a pickle refers to, or a part of one: a flat array of elements elsewhere in the
 * file.
 *
 * @param key its name: of the entry below {@code data/} in a zip, in the list of storages else
 * @param elements length of the whole storage as the pickle gives it, not negative
 * @param first first element of the part, not negative
 * @param count elements of the part, which lies inside the storage
 */
record PickledStorage(DType dtype, String key, long elements, long first, long count) {
    /** A whole storage. */
    PickledStorage(DType dtype, String key, long elements) {
        this(dtype, key, elements, 0, elements);
    }
}
