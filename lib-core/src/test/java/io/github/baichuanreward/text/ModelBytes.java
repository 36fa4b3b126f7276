package io.github.baichuanreward.text;

import io.github.baichuanreward.TestData;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * SentencePiece models for tests: the demo tokenizer's bytes, with fields appended.
 *
 * <p>A field that is appended to a protocol buffer adds one more piece, or overrides a setting.
 */
final class ModelBytes {

    static final int NORMAL = 1;
    static final int CONTROL = 3;
    static final int USER_DEFINED = 4;

    private ModelBytes() {}

    static Path demoFile() {
        return TestData.demoModel().resolve("model/tokenizer.model");
    }

    static Path realFile() {
        return TestData.external("tokenizer/tokenizer.model");
    }

    static byte[] demo() throws IOException {
        return Files.readAllBytes(demoFile());
    }

    /** Writes the demo tokenizer with fields appended. */
    static Path demoWith(Path folder, byte[]... fields) throws IOException {
        return Files.write(folder.resolve("tokenizer.model"), concat(demo(), concat(fields)));
    }

    static byte[] piece(String text, int type) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        byte[] inside = concat(bytes(0x0a, utf8.length), utf8, bytes(0x18, type));
        return concat(bytes(0x0a, inside.length), inside);
    }

    /** trainer_spec.eos_id, field 42, of 0 to 16383. */
    static byte[] eos(int id) {
        return bytes(0x12, 4, 0xd0, 0x02, (id & 0x7f) | 0x80, id >> 7);
    }

    /** trainer_spec.eos_id of -1, which means that there is none. */
    static byte[] noEos() {
        return bytes(0x12, 12, 0xd0, 2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1);
    }

    /** normalizer_spec.add_dummy_prefix, field 3, false. */
    static byte[] noDummyPrefix() {
        return bytes(0x1a, 2, 0x18, 0);
    }

    /** normalizer_spec.precompiled_charsmap, field 2, of 128 to 16000 bytes. */
    static byte[] characterTable(byte[] table) {
        byte[] inside = concat(bytes(0x12, (table.length & 0x7f) | 0x80, table.length >> 7), table);
        return concat(bytes(0x1a, (inside.length & 0x7f) | 0x80, inside.length >> 7), inside);
    }

    static byte[] bytes(int... values) {
        byte[] result = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = (byte) values[i];
        }
        return result;
    }

    static byte[] concat(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }
}
