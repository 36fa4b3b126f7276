package io.github.baichuanreward.checkpoint;

/**
 * A storage that a pickle refers to: a flat array of elements in another entry of the archive.
 *
 * @param key name of the entry below {@code data/}
 * @param elements its length as the pickle gives it, not negative
 */
record PickledStorage(DType dtype, String key, long elements) {}
