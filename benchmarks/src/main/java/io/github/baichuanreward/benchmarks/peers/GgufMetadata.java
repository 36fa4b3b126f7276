package io.github.baichuanreward.benchmarks.peers;

import io.github.baichuanreward.model.BaichuanConfig;

/**
 * The keys and values in front of a GGUF file's tensors: what llama.cpp must know of a Baichuan
 * model, and a vocabulary of made-up words.
 */
final class GgufMetadata {

    /** How GGUF numbers the types of values. */
    private static final int UINT32 = 4;

    private static final int INT32 = 5;
    private static final int FLOAT32 = 6;
    private static final int BOOL = 7;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    /** How it numbers a file of which most tensors are bfloat16. */
    private static final int MOSTLY_BFLOAT16 = 32;

    /** How it numbers the kinds of tokens. */
    private static final int NORMAL = 1;

    private static final int UNKNOWN = 2;
    private static final int CONTROL = 3;
    private static final int BYTE = 6;

    /** Unknown, begin, end and one token for each byte stand in front of the words. */
    private static final int FIRST_BYTE = 3;

    /** The first id of a word. */
    static final int FIRST_WORD = FIRST_BYTE + 256;

    private final GgufBytes bytes = new GgufBytes();
    private int count;

    private GgufMetadata() {}

    /**
     * Describes a model.
     *
     * @throws IllegalArgumentException if the vocabulary has no room for the tokens that llama.cpp
     *     must find in it
     */
    static GgufMetadata of(BaichuanConfig config, int alignment) {
        if (config.vocabulary() <= FIRST_WORD) {
            throw new IllegalArgumentException(
                    "a vocabulary of %d tokens; more than %d are needed"
                            .formatted(config.vocabulary(), FIRST_WORD));
        }
        GgufMetadata metadata = new GgufMetadata();
        metadata.key("general.architecture", STRING).string("baichuan");
        metadata.key("general.name", STRING).string("synthetic");
        metadata.key("general.alignment", UINT32).int32(alignment);
        metadata.key("general.file_type", UINT32).int32(MOSTLY_BFLOAT16);
        metadata.sizes(config);
        metadata.vocabulary(config.vocabulary());
        return metadata;
    }

    /** Number of keys. */
    int count() {
        return count;
    }

    byte[] bytes() {
        return bytes.toByteArray();
    }

    private void sizes(BaichuanConfig config) {
        key("baichuan.context_length", UINT32).int32(config.maxLength());
        key("baichuan.embedding_length", UINT32).int32(config.hidden());
        key("baichuan.block_count", UINT32).int32(config.layers());
        key("baichuan.feed_forward_length", UINT32).int32(config.intermediate());
        key("baichuan.rope.dimension_count", UINT32).int32(config.headDim());
        key("baichuan.attention.head_count", UINT32).int32(config.heads());
        key("baichuan.attention.head_count_kv", UINT32).int32(config.heads());
        key("baichuan.attention.layer_norm_rms_epsilon", FLOAT32).float32(config.rmsNormEps());
    }

    private void vocabulary(int size) {
        key("tokenizer.ggml.model", STRING).string("llama");
        array("tokenizer.ggml.tokens", STRING, size);
        bytes.string("<unk>").string("<s>").string("</s>");
        for (int value = 0; value < 256; value++) {
            bytes.string("<0x%02X>".formatted(value));
        }
        for (int token = FIRST_WORD; token < size; token++) {
            bytes.string("\u2581w" + token);
        }
        array("tokenizer.ggml.scores", FLOAT32, size);
        for (int token = 0; token < size; token++) {
            bytes.float32(Math.min(0, FIRST_WORD - token));
        }
        array("tokenizer.ggml.token_type", INT32, size);
        for (int token = 0; token < size; token++) {
            bytes.int32(kind(token));
        }
        key("tokenizer.ggml.unknown_token_id", UINT32).int32(0);
        key("tokenizer.ggml.bos_token_id", UINT32).int32(1);
        key("tokenizer.ggml.eos_token_id", UINT32).int32(2);
        key("tokenizer.ggml.add_bos_token", BOOL).bool(false);
        key("tokenizer.ggml.add_eos_token", BOOL).bool(false);
    }

    private static int kind(int token) {
        if (token == 0) {
            return UNKNOWN;
        }
        if (token < FIRST_BYTE) {
            return CONTROL;
        }
        return token < FIRST_WORD ? BYTE : NORMAL;
    }

    private GgufBytes key(String name, int type) {
        count++;
        return bytes.string(name).int32(type);
    }

    private void array(String name, int type, int size) {
        key(name, ARRAY).int32(type).int64(size);
    }
}
