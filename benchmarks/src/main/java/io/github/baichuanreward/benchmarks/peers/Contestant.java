package io.github.baichuanreward.benchmarks.peers;

/** Who takes part in {@code benchmarks/cpu-peers}, in the order of the tables. */
enum Contestant {
    OURS_FLOAT32("ours-float32", "this library, float32"),
    OURS_BFLOAT16("ours-bfloat16", "this library, bfloat16"),
    LLAMA_CPP("llama.cpp", "llama.cpp, bfloat16"),
    PYTORCH("pytorch", "PyTorch, bfloat16");

    private final String id;
    private final String title;

    Contestant(String id, String title) {
        this.id = id;
        this.title = title;
    }

    /** The name for people. */
    String title() {
        return title;
    }

    /** Whether it promises the same bits each time. */
    boolean promisesBits() {
        return this == OURS_FLOAT32 || this == OURS_BFLOAT16;
    }

    /**
     * The contestant that the script calls {@code id}.
     *
     * @throws IllegalArgumentException if there is none
     */
    static Contestant of(String id) {
        for (Contestant contestant : values()) {
            if (contestant.id.equals(id)) {
                return contestant;
            }
        }
        throw new IllegalArgumentException("no contestant is called " + id);
    }
}
