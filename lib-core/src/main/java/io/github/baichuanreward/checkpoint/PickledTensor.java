package io.github.baichuanreward.checkpoint;

import java.util.List;

/**
 * A tensor as a pickle describes it: a view of a storage. Nothing about the numbers has been
 * checked against the storage.
 *
 * @param offset of element 0, in elements of the storage
 * @param strides in elements of the storage
 */
record PickledTensor(PickledStorage storage, long offset, List<Long> shape, List<Long> strides) {}
