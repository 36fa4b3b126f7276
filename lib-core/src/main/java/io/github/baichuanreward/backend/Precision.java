package io.github.baichuanreward.backend;

/** In which numbers products and activations are computed. */
public enum Precision {
    /** What the backend does best: float32 on a CPU, the checkpoint's half type on a GPU. */
    AUTO,
    /** float32 activations on weights as they are stored. */
    FLOAT32,
    /** bfloat16 activations, float32 accumulation. */
    BFLOAT16,
    /** float16 activations, float32 accumulation. */
    FLOAT16,
    /** int8 weights with one scale a row. */
    INT8
}
