package io.github.baichuanreward.checkpoint;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Writes zip files as torch.save does: stored, sizes in data descriptors, data aligned to 64 bytes;
 * entries may be sparse. Remembers where its records lie, so that a test can damage exactly one
 * field.
 */
final class ZipBuilder {
    /** Fields of a central record, by offset. */
    static final int CENTRAL_FLAGS = 8;

    static final int CENTRAL_METHOD = 10;
    static final int CENTRAL_SIZE = 20;
    static final int CENTRAL_INFLATED = 24;
    static final int CENTRAL_EXTRA_BYTES = 30;
    static final int CENTRAL_DISK = 34;
    static final int CENTRAL_HEADER = 42;
    static final int CENTRAL_NAME = 46;

    private static final int ALIGNMENT = 64;
    private static final long LIMIT = 0xffff_ffffL;

    private final List<Entry> entries = new ArrayList<>();
    private boolean zip64;
    private String comment = "";
    private String root = "archive";

    private final Map<String, Long> localAt = new LinkedHashMap<>();
    private final Map<String, Long> centralAt = new LinkedHashMap<>();
    private final Map<String, Long> dataAt = new LinkedHashMap<>();
    long directoryAt;
    long end64At;
    long locatorAt;
    long endAt;

    private record Entry(String name, long size, Map<Long, byte[]> pieces) {}

    /** A file of torch.save with this pickle and no storages yet. */
    static ZipBuilder torch(byte[] pickle) {
        return new ZipBuilder()
                .entry("data.pkl", pickle)
                .entry("byteorder", "little".getBytes(StandardCharsets.US_ASCII));
    }

    ZipBuilder root(String name) {
        root = name;
        return this;
    }

    /** Always writes zip64 end records and sizes, not only where numbers need them. */
    ZipBuilder zip64() {
        zip64 = true;
        return this;
    }

    ZipBuilder comment(String text) {
        comment = text;
        return this;
    }

    ZipBuilder entry(String name, byte[] data) {
        return sparse(name, data.length, Map.of(0L, data));
    }

    /** An entry of zeros, of which only some pieces are written. */
    ZipBuilder sparse(String name, long size, Map<Long, byte[]> pieces) {
        entries.add(new Entry(name, size, pieces));
        return this;
    }

    Path write(Path path) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(0);
            for (Entry entry : entries) {
                writeLocal(file, entry);
            }
            directoryAt = file.getFilePointer();
            for (Entry entry : entries) {
                centralAt.put(entry.name, file.getFilePointer());
                file.write(central(entry));
            }
            writeEnd(file, file.getFilePointer() - directoryAt);
        }
        return path;
    }

    /** Where the local header of an entry lies in the file that was written. */
    long localAt(String name) {
        return Objects.requireNonNull(localAt.get(name), name);
    }

    /** Where the record of an entry in the central directory lies. */
    long centralAt(String name) {
        return Objects.requireNonNull(centralAt.get(name), name);
    }

    /** Where the data of an entry lies. */
    long dataAt(String name) {
        return Objects.requireNonNull(dataAt.get(name), name);
    }

    private void writeLocal(RandomAccessFile file, Entry entry) throws IOException {
        byte[] name = fullName(entry);
        long header = file.getFilePointer();
        long unpadded = header + 30 + name.length + 4;
        int padding = (int) ((ALIGNMENT - unpadded % ALIGNMENT) % ALIGNMENT);
        ByteBuffer local = little(30 + name.length + 4 + padding);
        local.putInt(0x04034b50).putShort((short) 0).putShort((short) 0x808).putShort((short) 0);
        local.position(26).putShort((short) name.length).putShort((short) (4 + padding));
        local.put(name).putShort((short) 0x4246).putShort((short) padding);
        file.write(array(local));
        long data = file.getFilePointer();
        for (Map.Entry<Long, byte[]> piece : entry.pieces.entrySet()) {
            file.seek(data + piece.getKey());
            file.write(piece.getValue());
        }
        file.seek(data + entry.size);
        file.write(array(little(16).putInt(0x08074b50)));
        localAt.put(entry.name, header);
        dataAt.put(entry.name, data);
    }

    private byte[] central(Entry entry) {
        byte[] name = fullName(entry);
        long header = localAt.getOrDefault(entry.name, 0L);
        boolean wideSize = zip64 || entry.size >= LIMIT;
        boolean wideHeader = zip64 || header >= LIMIT;
        int wideBytes = (wideSize ? 16 : 0) + (wideHeader ? 8 : 0);
        ByteBuffer central = little(46 + name.length + (wideBytes > 0 ? 4 + wideBytes : 0));
        central.putInt(0x02014b50).putInt(0).putShort((short) 0x808).putShort((short) 0);
        central.putInt(CENTRAL_SIZE, (int) (wideSize ? LIMIT : entry.size));
        central.putInt(CENTRAL_INFLATED, (int) (wideSize ? LIMIT : entry.size));
        central.putShort(28, (short) name.length);
        central.putShort(CENTRAL_EXTRA_BYTES, (short) (wideBytes > 0 ? 4 + wideBytes : 0));
        central.putInt(CENTRAL_HEADER, (int) (wideHeader ? LIMIT : header));
        central.position(CENTRAL_NAME).put(name);
        if (wideBytes > 0) {
            central.putShort((short) 1).putShort((short) wideBytes);
        }
        if (wideSize) {
            central.putLong(entry.size).putLong(entry.size);
        }
        if (wideHeader) {
            central.putLong(header);
        }
        return array(central);
    }

    private void writeEnd(RandomAccessFile file, long directoryBytes) throws IOException {
        boolean wide = zip64 || directoryAt >= LIMIT;
        if (wide) {
            end64At = file.getFilePointer();
            ByteBuffer end64 = little(56).putInt(0x06064b50).putLong(44);
            end64.putLong(24, entries.size()).putLong(32, entries.size());
            file.write(array(end64.putLong(40, directoryBytes).putLong(48, directoryAt)));
            locatorAt = file.getFilePointer();
            file.write(array(little(20).putInt(0x07064b50).putInt(0).putLong(end64At).putInt(1)));
        }
        endAt = file.getFilePointer();
        byte[] text = comment.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer end = little(22 + text.length).putInt(0x06054b50).putInt(0);
        end.putShort((short) (wide ? 0xffff : entries.size()))
                .putShort((short) (wide ? 0xffff : entries.size()));
        end.putInt((int) (wide ? LIMIT : directoryBytes))
                .putInt((int) (wide ? LIMIT : directoryAt));
        file.write(array(end.putShort((short) text.length).put(text)));
    }

    private byte[] fullName(Entry entry) {
        return (root + "/" + entry.name).getBytes(StandardCharsets.UTF_8);
    }

    private static ByteBuffer little(int count) {
        return ByteBuffer.allocate(count).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static byte[] array(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.capacity()];
        buffer.get(0, bytes);
        return bytes;
    }

    /** Overwrites bytes of a file. */
    static void patch(Path path, long position, byte... bytes) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.seek(position);
            file.write(bytes);
        }
    }

    static byte[] int16(int value) {
        return array(little(2).putShort((short) value));
    }

    static byte[] int32(long value) {
        return array(little(4).putInt((int) value));
    }

    static byte[] int64(long value) {
        return array(little(8).putLong(value));
    }
}
