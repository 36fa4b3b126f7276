package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.CheckpointException.quote;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Where the entries of a zip file lie in it.
 *
 * <p>{@code java.util.zip} does not tell, and tensors are mapped, not inflated. So the end record,
 * its zip64 forms, the central directory and the local headers are read here. The parts must follow
 * each other as torch.save writes them: entries, directory, end records, end of file. CRCs are not
 * compared: PyTorch has an option that leaves them wrong.
 */
final class ZipDirectory {
    /** Longest central directory; the one of a Baichuan-13B shard has about 10 KB. */
    static final int MAX_BYTES = 16 << 20;

    private static final int LOCAL_SIGNATURE = 0x04034b50;
    private static final int LOCAL_BYTES = 30;
    private static final int CENTRAL_SIGNATURE = 0x02014b50;
    private static final int CENTRAL_BYTES = 46;
    private static final int END_SIGNATURE = 0x06054b50;
    private static final int END_BYTES = 22;
    private static final int END64_SIGNATURE = 0x06064b50;
    private static final int END64_BYTES = 56;
    private static final int LOCATOR_SIGNATURE = 0x07064b50;
    private static final int LOCATOR_BYTES = 20;
    private static final int ZIP64_EXTRA = 1;
    private static final int MAX_COMMENT = 0xffff;
    private static final int ENCRYPTED = 1;
    private static final int STORED = 0;

    /** In a 16-bit or 32-bit field: the number stands in the zip64 record. */
    private static final int IN_ZIP64_SHORT = 0xffff;

    private static final long IN_ZIP64 = 0xffff_ffffL;

    private final SourceFile file;

    private ZipDirectory(SourceFile file) {
        this.file = file;
    }

    /**
     * One entry.
     *
     * @param header byte of its local header
     * @param start byte of its data
     * @param size bytes of its data as they lie in the file
     */
    record Entry(
            String name,
            int method,
            int flags,
            long header,
            long start,
            long size,
            long inflatedSize) {
        /** This entry, if its data lies in the file as it is. */
        Entry stored(SourceFile file) throws CheckpointException {
            if ((flags & ENCRYPTED) != 0) {
                throw file.error("zip entry " + quote(name) + " is encrypted");
            }
            if (method != STORED || size != inflatedSize) {
                throw file.error(
                        "zip entry "
                                + quote(name)
                                + " is compressed (method "
                                + method
                                + "); torch.save stores entries uncompressed: save the model again");
            }
            return this;
        }
    }

    /** The entries by name, in the order of the central directory. */
    static Map<String, Entry> read(SourceFile file) throws CheckpointException {
        return new ZipDirectory(file).read();
    }

    private Map<String, Entry> read() throws CheckpointException {
        End end = findEnd();
        if (end.size > MAX_BYTES) {
            throw file.error(
                    "the zip directory of "
                            + end.size
                            + " bytes is above the limit of "
                            + MAX_BYTES);
        }
        ByteBuffer central = file.read(end.offset, (int) end.size, "zip directory");
        Map<String, Entry> entries = new LinkedHashMap<>();
        while (central.hasRemaining()) {
            Entry entry = located(centralEntry(central), end.offset);
            if (entries.put(entry.name, entry) != null) {
                throw file.error("the zip directory names " + quote(entry.name) + " twice");
            }
        }
        if (entries.size() != end.entries) {
            throw file.error(
                    "the zip directory has "
                            + entries.size()
                            + " entries; its end record says "
                            + end.entries);
        }
        checkOverlap(entries);
        return entries;
    }

    /** What the end record says of the central directory. */
    private record End(long entries, long size, long offset) {}

    private End findEnd() throws CheckpointException {
        int tailBytes = (int) Math.min(file.size(), END_BYTES + MAX_COMMENT);
        long tailStart = file.size() - tailBytes;
        ByteBuffer tail = file.read(tailStart, tailBytes, "end of the zip file");
        for (int at = tailBytes - END_BYTES; at >= 0; at--) {
            if (tail.getInt(at) == END_SIGNATURE
                    && at + END_BYTES + unsigned(tail.getShort(at + 20)) == tailBytes) {
                return end(
                        tail.slice(at, END_BYTES).order(ByteOrder.LITTLE_ENDIAN), tailStart + at);
            }
        }
        throw file.error("the zip file has no end record; it has been cut short");
    }

    private End end(ByteBuffer record, long position) throws CheckpointException {
        int disk = unsigned(record.getShort(4));
        int startDisk = unsigned(record.getShort(6));
        int entriesHere = unsigned(record.getShort(8));
        var end =
                new End(
                        unsigned(record.getShort(10)),
                        unsigned(record.getInt(12)),
                        unsigned(record.getInt(16)));
        long directoryEnd = position;
        if (position >= LOCATOR_BYTES + END64_BYTES) {
            ByteBuffer locator =
                    file.read(position - LOCATOR_BYTES, LOCATOR_BYTES, "zip64 locator");
            if (locator.getInt(0) == LOCATOR_SIGNATURE) {
                directoryEnd = locator.getLong(8);
                return placed(end64(locator, position - LOCATOR_BYTES, end), directoryEnd);
            }
        }
        if (disk != 0 || startDisk != 0 || entriesHere != end.entries) {
            throw file.error("the zip file is one part of several, which is not read");
        }
        return placed(end, directoryEnd);
    }

    private End end64(ByteBuffer locator, long locatorAt, End end) throws CheckpointException {
        long at = locator.getLong(8);
        if (at < 0 || at > locatorAt - END64_BYTES) {
            throw file.error(
                    "the zip64 end record is said to be at "
                            + at
                            + ", which is not before its locator");
        }
        ByteBuffer record = file.read(at, END64_BYTES, "zip64 end record");
        if (record.getInt(0) != END64_SIGNATURE || record.getLong(4) != locatorAt - at - 12) {
            throw file.error("there is no zip64 end record at " + at + " that ends at its locator");
        }
        long entriesHere = record.getLong(24);
        var end64 = new End(record.getLong(32), record.getLong(40), record.getLong(48));
        if (locator.getInt(4) != 0
                || locator.getInt(16) > 1
                || record.getInt(16) != 0
                || record.getInt(20) != 0
                || entriesHere != end64.entries) {
            throw file.error("the zip file is one part of several, which is not read");
        }
        boolean agree =
                (end.entries == IN_ZIP64_SHORT || end.entries == end64.entries)
                        && (end.size == IN_ZIP64 || end.size == end64.size)
                        && (end.offset == IN_ZIP64 || end.offset == end64.offset);
        if (!agree) {
            throw file.error("the zip64 end record contradicts the end record");
        }
        return end64;
    }

    /** The record, once its directory is known to lie directly before the first end record. */
    private End placed(End end, long directoryEnd) throws CheckpointException {
        if (end.offset < 0
                || end.size < 0
                || end.entries < 0
                || end.offset > directoryEnd - end.size
                || end.offset + end.size != directoryEnd) {
            throw file.error(
                    "the zip directory ("
                            + end.size
                            + " bytes at "
                            + end.offset
                            + ") does not end at its end record at "
                            + directoryEnd);
        }
        return end;
    }

    /** Reads one record of the central directory; its data is not located yet. */
    private Entry centralEntry(ByteBuffer central) throws CheckpointException {
        int at = central.position();
        if (central.remaining() < CENTRAL_BYTES || central.getInt(at) != CENTRAL_SIGNATURE) {
            throw file.error("the zip directory is damaged at its byte " + at);
        }
        int nameBytes = unsigned(central.getShort(at + 28));
        int extraBytes = unsigned(central.getShort(at + 30));
        int commentBytes = unsigned(central.getShort(at + 32));
        if (central.remaining() < CENTRAL_BYTES + nameBytes + extraBytes + commentBytes) {
            throw file.error("the zip directory is damaged at its byte " + at);
        }
        String name = name(central.slice(at + CENTRAL_BYTES, nameBytes));
        ByteBuffer extra =
                zip64Extra(
                        name,
                        central.slice(at + CENTRAL_BYTES + nameBytes, extraBytes)
                                .order(ByteOrder.LITTLE_ENDIAN));
        // The zip64 field holds, in this order, just those numbers that do not fit into their
        // places.
        long inflated = wide(name, unsigned(central.getInt(at + 24)), extra);
        long size = wide(name, unsigned(central.getInt(at + 20)), extra);
        long header = wide(name, unsigned(central.getInt(at + 42)), extra);
        int disk = unsigned(central.getShort(at + 34));
        if (disk != 0 && disk != IN_ZIP64_SHORT) {
            throw file.error("zip entry " + quote(name) + " lies in another part of the zip file");
        }
        central.position(at + CENTRAL_BYTES + nameBytes + extraBytes + commentBytes);
        int flags = unsigned(central.getShort(at + 8));
        return new Entry(
                name, unsigned(central.getShort(at + 10)), flags, header, -1, size, inflated);
    }

    private String name(ByteBuffer bytes) throws CheckpointException {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (CharacterCodingException e) {
            throw new CheckpointException(
                    file.path() + ": the zip directory holds a name that is not UTF-8", e);
        }
    }

    /** The contents of the zip64 field, empty if there is none. */
    private ByteBuffer zip64Extra(String name, ByteBuffer extra) throws CheckpointException {
        while (extra.remaining() >= 4) {
            int id = unsigned(extra.getShort());
            int length = unsigned(extra.getShort());
            if (length > extra.remaining()) {
                throw file.error("zip entry " + quote(name) + " has a damaged extra field");
            }
            if (id == ZIP64_EXTRA) {
                return extra.slice(extra.position(), length).order(ByteOrder.LITTLE_ENDIAN);
            }
            extra.position(extra.position() + length);
        }
        return extra.slice(extra.limit(), 0);
    }

    private long wide(String name, long narrow, ByteBuffer zip64) throws CheckpointException {
        if (narrow != IN_ZIP64) {
            return narrow;
        }
        if (zip64.remaining() < Long.BYTES) {
            throw file.error("zip entry " + quote(name) + " lacks a number in its zip64 field");
        }
        return zip64.getLong();
    }

    /** The entry with its data located by its local header, which must repeat name and method. */
    private Entry located(Entry entry, long directoryStart) throws CheckpointException {
        String where = "zip entry " + quote(entry.name);
        if (entry.header < 0 || entry.header > directoryStart - LOCAL_BYTES) {
            throw file.error(
                    where
                            + " begins at "
                            + entry.header
                            + ", outside the entries' part of the file");
        }
        ByteBuffer local = file.read(entry.header, LOCAL_BYTES, where);
        if (local.getInt(0) != LOCAL_SIGNATURE) {
            throw file.error(where + " has no local header at " + entry.header);
        }
        int nameBytes = unsigned(local.getShort(26));
        long start = entry.header + LOCAL_BYTES + nameBytes + unsigned(local.getShort(28));
        if (entry.size < 0
                || entry.inflatedSize < 0
                || start > directoryStart
                || entry.size > directoryStart - start) {
            throw file.error(
                    where
                            + " of "
                            + entry.size
                            + " bytes at "
                            + start
                            + " does not end before the directory at "
                            + directoryStart);
        }
        String localName = name(file.read(entry.header + LOCAL_BYTES, nameBytes, where));
        if (!localName.equals(entry.name) || unsigned(local.getShort(8)) != entry.method) {
            throw file.error(
                    where
                            + " is described differently by its local header, as "
                            + quote(localName));
        }
        return new Entry(
                entry.name,
                entry.method,
                entry.flags,
                entry.header,
                start,
                entry.size,
                entry.inflatedSize);
    }

    private void checkOverlap(Map<String, Entry> entries) throws CheckpointException {
        List<Entry> byHeader = new ArrayList<>(entries.values());
        byHeader.sort(Comparator.comparingLong(Entry::header));
        for (int i = 1; i < byHeader.size(); i++) {
            Entry before = byHeader.get(i - 1);
            Entry entry = byHeader.get(i);
            if (entry.header < before.start + before.size) {
                throw file.error(
                        "zip entries "
                                + quote(before.name)
                                + " and "
                                + quote(entry.name)
                                + " overlap");
            }
        }
    }

    private static int unsigned(short value) {
        return Short.toUnsignedInt(value);
    }

    private static long unsigned(int value) {
        return Integer.toUnsignedLong(value);
    }
}
