package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.golden;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Damaged at random: a file is read, or refused with a {@link CheckpointException}; nothing else
 * may happen.
 */
@Timeout(120)
class CheckpointFuzzTest {
    private static final int ROUNDS = 1_200;

    @TempDir private Path directory;

    /**
     * Opens, and in every eighth round maps all tensors: whatever passed the checks must lie inside
     * the file.
     */
    private static void open(Path path, int seed) {
        try {
            Checkpoint checkpoint = Checkpoint.openFile(path);
            for (String name : seed % 8 == 0 ? checkpoint.names() : Set.<String>of()) {
                Tensor tensor = Fixtures.tensor(checkpoint, name);
                ByteBuffer bytes = tensor.map();
                if (bytes.hasRemaining()) {
                    bytes.get(bytes.limit() - 1);
                }
            }
        } catch (CheckpointException e) {
            // Refused, as it should be.
        } catch (RuntimeException | Error e) {
            fail("seed " + seed, e);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tiny-a/value_head.bin",
                "tiny-views/value_head.bin",
                "tiny-st2/value_head.safetensors",
                "tiny-views/pytorch_model.bin",
                "tiny-odd/model.safetensors"
            })
    void changedBytesAndCutEnds(String name) throws IOException {
        byte[] whole = Files.readAllBytes(golden(name));
        damage(whole, structure(whole));
    }

    @Test
    void legacyPickles() throws IOException {
        byte[] whole = LegacyBuilder.ofGolden("tiny-views", DType.FLOAT32);
        List<Integer> places = new ArrayList<>();
        addRange(places, 0, legacyPicklesLength());
        damage(whole, places);
    }

    /** On their own: damaged pickles seldom let the reader get so far. */
    @Test
    void lengthsOfLegacyStorages() throws IOException {
        byte[] whole = LegacyBuilder.ofGolden("tiny-views", DType.FLOAT32);
        ByteBuffer bytes = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN);
        List<Integer> places = new ArrayList<>();
        int at = legacyPicklesLength();
        while (at < whole.length) {
            addRange(places, at, at + Long.BYTES);
            at += Long.BYTES + Float.BYTES * (int) bytes.getLong(at);
        }
        damage(whole, places);
    }

    private static int legacyPicklesLength() throws IOException {
        return (int) Files.size(golden("tiny-views/legacy_pickles.bin"));
    }

    private void damage(byte[] whole, List<Integer> places) throws IOException {
        Path path = Files.write(directory.resolve("x"), whole);
        // Damaged and mended in place: writing megabytes anew would take most of the time.
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            for (int seed = 0; seed < ROUNDS; seed++) {
                Random random = new Random(seed);
                int[] changed =
                        random.ints(1 + random.nextInt(3), 0, places.size())
                                .map(places::get)
                                .toArray();
                for (int place : changed) {
                    file.seek(place);
                    file.write(interesting(random));
                }
                int length = random.nextInt(20) == 0 ? random.nextInt(whole.length) : whole.length;
                file.setLength(length);
                open(path, seed);
                for (int place : changed) {
                    file.seek(place);
                    file.write(whole[place]);
                }
                file.seek(length);
                file.write(whole, length, whole.length - length);
            }
        }
    }

    private static byte interesting(Random random) {
        byte[] edges = {
            0, 1, -1, 127, -128, '{', '}', '"', '-', '9', '.', 'c', 'R', 'h', (byte) 0x8a
        };
        return random.nextBoolean()
                ? edges[random.nextInt(edges.length)]
                : (byte) random.nextInt(256);
    }

    /**
     * Places that are not tensor data: the safetensors header; pickle, zip headers and directory.
     */
    private static List<Integer> structure(byte[] file) {
        List<Integer> places = new ArrayList<>();
        ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        if (file[0] != 'P') {
            addRange(places, 0, 8 + (int) bytes.getLong(0));
            return places;
        }
        for (int at = 0; at + 4 <= file.length; at++) {
            switch (bytes.getInt(at)) {
                case 0x04034b50 -> addRange(places, at, Math.min(at + 64, file.length));
                case 0x02014b50 -> addRange(places, at, Math.min(at + 80, file.length));
                case 0x06054b50 -> addRange(places, at, file.length);
                default -> {}
            }
        }
        addRange(places, 64, Math.min(64 + 1800, file.length));
        return places;
    }

    private static void addRange(List<Integer> places, int from, int to) {
        for (int at = from; at < to; at++) {
            places.add(at);
        }
    }

    /**
     * Pickles alone, without the cost of a file: golden ones damaged, and instructions at random.
     */
    @Test
    void pickles() throws IOException {
        Path file = golden("tiny-a/pytorch_model.bin");
        byte[] whole;
        try (SourceFile source = SourceFile.open(file)) {
            Map<String, ZipDirectory.Entry> entries = ZipDirectory.read(source);
            ZipDirectory.Entry entry =
                    Objects.requireNonNull(entries.get("pytorch_model/data.pkl"));
            whole = source.read(entry.start(), (int) entry.size(), "pickle").array();
        }
        for (int seed = 0; seed < 10_000; seed++) {
            Random random = new Random(seed);
            byte[] pickle = random.nextInt(3) > 0 ? damaged(whole, random) : program(random);
            try {
                Unpickler.read(ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN), "x");
            } catch (CheckpointException e) {
                // Refused, as it should be.
            } catch (RuntimeException | Error e) {
                fail("seed " + seed, e);
            }
        }
    }

    private static byte[] damaged(byte[] whole, Random random) {
        byte[] pickle =
                Arrays.copyOf(
                        whole,
                        random.nextInt(8) == 0 ? random.nextInt(whole.length) : whole.length);
        for (int changes = random.nextInt(4); changes > 0 && pickle.length > 0; changes--) {
            pickle[random.nextInt(pickle.length)] = interesting(random);
        }
        return pickle;
    }

    /** Instructions without arguments or with one byte, which get further than random bytes do. */
    private static byte[] program(Random random) {
        String letters = "().NQR]abehqstu}\u0085\u0086\u0087\u0088\u0089\u0093\u0094K";
        PickleBuilder pickle =
                PickleBuilder.protocol2().orderedDict().op('q', 0).text("k").op('q', 1);
        for (int i = random.nextInt(200); i > 0; i--) {
            char letter = letters.charAt(random.nextInt(letters.length()));
            pickle.op(letter);
            if (letter == 'K' || letter == 'h' || letter == 'q') {
                pickle.op(random.nextInt(3));
            }
        }
        return pickle.stop();
    }

    /** Headers that are JSON, with fields that are wrong in kind. */
    @Test
    void safetensorsHeaders() throws IOException {
        String[] words = {
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "0",
            "4",
            "-1",
            "1.5",
            "9223372036854775807",
            "9223372036854775808",
            "null",
            "true",
            "\"F32\"",
            "\"BF16\"",
            "\"a\"",
            "\"dtype\"",
            "\"shape\"",
            "\"data_offsets\"",
            "\"__metadata__\"",
            "\"\\ud800\""
        };
        Path path = directory.resolve("x");
        for (int seed = 0; seed < 1_000; seed++) {
            Random random = new Random(seed);
            StringBuilder header =
                    new StringBuilder(
                            "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}");
            for (int i = random.nextInt(30); i > 0; i--) {
                header.append(words[random.nextInt(words.length)]);
            }
            Files.write(path, SafetensorsBuilder.file(header.append("}").toString(), new byte[4]));
            open(path, seed);
        }
    }
}
