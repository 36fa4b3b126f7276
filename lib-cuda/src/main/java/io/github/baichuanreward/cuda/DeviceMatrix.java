package io.github.baichuanreward.cuda;

/**
 * A weight on the device, half, row-major.
 *
 * @param buffer its bytes; a view
 * @param n rows
 * @param k columns
 */
record DeviceMatrix(DeviceBuffer buffer, int n, int k) {}
