package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.golden;
import static io.github.baichuanreward.checkpoint.PickleBuilder.protocol2;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Writes files as torch.save did before PyTorch 1.6; every part of one can be replaced by a wrong
 * one.
 */
final class LegacyBuilder {
    /** The first pickle: the magic number. */
    static final byte[] MAGIC =
            protocol2()
                    .op(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19)
                    .stop();

    private final byte[][] pickles = new byte[5][];
    private final ByteArrayOutputStream storages = new ByteArrayOutputStream();

    /** A file with this pickle of a dictionary and these keys, and no storages yet. */
    LegacyBuilder(byte[] dictionary, String... keys) {
        pickle(1, MAGIC).pickle(2, protocol2().number(1001).stop());
        pickle(3, machine(1001, 0x88)).pickle(4, dictionary).pickle(5, list(keys));
    }

    /** What the third pickle says; {@code littleEndian} is NEWTRUE or NEWFALSE. */
    static byte[] machine(long version, int littleEndian) {
        PickleBuilder pickle = protocol2().op('}').op('(');
        pickle.text("protocol_version").number(version);
        pickle.text("little_endian").op(littleEndian);
        pickle.text("type_sizes").op('}').op('(').text("short").number(2);
        return pickle.text("int").number(4).text("long").number(4).op('u').op('u').stop();
    }

    static byte[] list(String... keys) {
        PickleBuilder pickle = protocol2().op(']').op('(');
        List.of(keys).forEach(pickle::text);
        return pickle.op('e').stop();
    }

    /** Replaces pickle 1 to 5. */
    LegacyBuilder pickle(int number, byte[] pickle) {
        pickles[number - 1] = pickle;
        return this;
    }

    /** Appends a storage: its number of elements as it is said to be, and its bytes. */
    LegacyBuilder storage(long elements, byte[] bytes) {
        storages.writeBytes(
                ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(elements).array());
        return raw(bytes);
    }

    LegacyBuilder raw(byte[] bytes) {
        storages.writeBytes(bytes);
        return this;
    }

    /** The storages alone. */
    byte[] storages() {
        return storages.toByteArray();
    }

    /** The whole file. */
    byte[] bytes() {
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        Arrays.stream(pickles).forEach(file::writeBytes);
        file.writeBytes(storages());
        return file.toByteArray();
    }

    Path write(Path path) throws IOException {
        return Files.write(path, bytes());
    }

    /**
     * The {@code pytorch_model.bin} of a golden directory in the legacy format: the pickles that
     * Python wrote (make_legacy.py), then the storages of the zip file in the order of their keys.
     */
    static byte[] ofGolden(String directory, DType dtype) throws IOException {
        Map<String, byte[]> data = new TreeMap<>();
        try (ZipFile zip = new ZipFile(golden(directory).resolve("pytorch_model.bin").toFile())) {
            for (ZipEntry entry :
                    zip.stream().filter(e -> e.getName().contains("/data/")).toList()) {
                data.put(entry.getName(), zip.getInputStream(entry).readAllBytes());
            }
        }
        LegacyBuilder storages = new LegacyBuilder(new byte[0]);
        data.values().forEach(bytes -> storages.storage(bytes.length / dtype.bytes(), bytes));
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(Files.readAllBytes(golden(directory).resolve("legacy_pickles.bin")));
        file.writeBytes(storages.storages());
        return file.toByteArray();
    }
}
