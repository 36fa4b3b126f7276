package io.github.baichuanreward.cuda;

/** How the projections of decoder layers are stored on a device. */
enum WeightForm {
    /** In the half type that is computed in. */
    HALF,
    /**
     * In 8 bits, with a float32 scale for each row: {@code round(w / scale)}, where {@code scale}
     * is the row's largest magnitude divided by 127, as Baichuan's own {@code quantize(8)}. Norms,
     * embedding and value head stay as they are.
     */
    INT8
}
