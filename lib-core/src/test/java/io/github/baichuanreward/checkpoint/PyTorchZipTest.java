package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.tensor;
import static io.github.baichuanreward.checkpoint.PickleBuilder.protocol2;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.floats;
import static io.github.baichuanreward.checkpoint.ZipBuilder.int16;
import static io.github.baichuanreward.checkpoint.ZipBuilder.int32;
import static io.github.baichuanreward.checkpoint.ZipBuilder.int64;
import static io.github.baichuanreward.checkpoint.ZipBuilder.patch;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files of torch.save, above all wrong ones: zip records, then what the pickle says of the
 * storages. Long, because each way to be wrong has a test of its own.
 */
class PyTorchZipTest {
    private static final float[] VALUES = {1, 2, 3, 4, 5, 6};

    @TempDir private Path directory;
    private Path path;

    @BeforeEach
    void choosePath() {
        path = directory.resolve("x.bin");
    }

    private void assertRefused(String... parts) {
        assertThatThrownBy(() -> Checkpoint.openFile(path))
                .isInstanceOf(CheckpointException.class)
                .hasMessageStartingWith(path.toString())
                .hasMessageContainingAll(parts);
    }

    private static PickleBuilder dictionary() {
        return protocol2().orderedDict();
    }

    /** A pickle of one tensor "w" over storage 0. */
    private static byte[] pickle(long elements, long offset, long[] shape, long[] strides) {
        return dictionary().text("w").tensor("0", elements, offset, shape, strides).op('s').stop();
    }

    private static ZipBuilder one() {
        return ZipBuilder.torch(pickle(6, 0, new long[] {2, 3}, new long[] {3, 1}))
                .entry("data/0", floats(VALUES));
    }

    /** Writes a file in which "w" is such a view of 1 to 6. */
    private void write(long offset, long[] shape, long... strides) throws IOException {
        ZipBuilder.torch(pickle(6, offset, shape, strides))
                .entry("data/0", floats(VALUES))
                .write(path);
    }

    private float[] values() throws CheckpointException {
        return tensor(Checkpoint.openFile(path), "w").toFloats();
    }

    // What torch.save may write.

    @Test
    void contiguousTensor() throws IOException {
        one().write(path);
        assertThat(Checkpoint.openFile(path).format()).isEqualTo("PyTorch zip, 1 file");
        assertThat(values()).containsExactly(1, 2, 3, 4, 5, 6);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"pytorch_model-00001-of-00003", "", "\u6a21\u578b", "a b.c", "..", "data"})
    void folderOfAnyName(String root) throws IOException {
        one().root(root).write(path);
        assertThat(values()).hasSize(6);
    }

    @Test
    void zip64RecordsWhereNoneAreNeeded() throws IOException {
        one().zip64().write(path);
        assertThat(values()).containsExactly(1, 2, 3, 4, 5, 6);
    }

    @Test
    void commentThatLooksLikeAnEndRecord() throws IOException {
        one().comment("PK\005\006" + "\000".repeat(30)).write(path);
        assertThat(values()).hasSize(6);
    }

    @Test
    void noByteOrderMeansLittleEndian() throws IOException {
        byte[] pickle = pickle(6, 0, new long[] {6}, new long[] {1});
        new ZipBuilder()
                .entry("data.pkl", pickle)
                .entry("version", new byte[] {'3', '\n'})
                .entry("data/0", floats(VALUES))
                .write(path);
        assertThat(values()).hasSize(6);
    }

    @Test
    void viewWithOffset() throws IOException {
        write(2, new long[] {2, 2}, 2, 1);
        assertThat(values()).containsExactly(3, 4, 5, 6);
    }

    @Test
    void transposedView() throws IOException {
        write(0, new long[] {3, 2}, 1, 3);
        assertThat(values()).containsExactly(1, 4, 2, 5, 3, 6);
    }

    @Test
    void viewWithGaps() throws IOException {
        write(1, new long[] {2, 2}, 3, 1);
        assertThat(values()).containsExactly(2, 3, 5, 6);
    }

    @Test
    void overlappingWindowsOfAStorage() throws IOException {
        write(0, new long[] {2, 3}, 1, 1);
        assertThat(values()).containsExactly(1, 2, 3, 2, 3, 4);
    }

    @Test
    void strideOfADimensionOfSizeOneSaysNothing() throws IOException {
        write(0, new long[] {1, 6, 1}, Long.MAX_VALUE, 1, 77);
        assertThat(values()).containsExactly(1, 2, 3, 4, 5, 6);
    }

    @Test
    void scalar() throws IOException {
        write(5, new long[0]);
        assertThat(tensor(Checkpoint.openFile(path), "w").elements()).isEqualTo(1);
        assertThat(values()).containsExactly(6);
    }

    @Test
    void emptyTensor() throws IOException {
        write(6, new long[] {3, 0}, 1, 1);
        assertThat(values()).isEmpty();
    }

    @Test
    void tiedTensorsShareAStorage() throws IOException {
        PickleBuilder pickle = dictionary().op('(');
        pickle.text("a").tensor("0", 6, 0, new long[] {6}, new long[] {1});
        pickle.text("b").tensor("0", 6, 4, new long[] {2}, new long[] {1}).op('u');
        ZipBuilder.torch(pickle.stop()).entry("data/0", floats(VALUES)).write(path);
        Checkpoint checkpoint = Checkpoint.openFile(path);
        assertThat(checkpoint.names()).containsExactly("a", "b");
        assertThat(tensor(checkpoint, "b").toFloats()).containsExactly(5, 6);
    }

    @Test
    void numbersTextAndNoneBesideTensorsAreLeftOut() throws IOException {
        PickleBuilder pickle =
                dictionary()
                        .op('(')
                        .text("step")
                        .number(7)
                        .text("note")
                        .text("x")
                        .text("none")
                        .op('N');
        pickle.text("flag").op(0x88).text("loss").op('G', 0, 0, 0, 0, 0, 0, 0, 0);
        pickle.text("w").tensor("0", 6, 0, new long[] {6}, new long[] {1}).op('u');
        ZipBuilder.torch(pickle.stop()).entry("data/0", floats(VALUES)).write(path);
        assertThat(Checkpoint.openFile(path).names()).containsExactly("w");
    }

    // Zip records.

    @Test
    void fileCutAnywhereIsRefused() throws IOException {
        one().zip64().write(path);
        byte[] whole = Files.readAllBytes(path);
        for (int length = 1; length < whole.length; length += length < 300 ? 1 : 7) {
            Files.write(path, Arrays.copyOf(whole, length));
            assertRefused("x.bin: ");
        }
    }

    @Test
    void endRecordMissing() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.endAt, (byte) 0);
        assertRefused("no end record", "cut short");
    }

    @Test
    void bytesBehindTheEndRecord() throws IOException {
        one().write(path);
        try (OutputStream out = Files.newOutputStream(path, StandardOpenOption.APPEND)) {
            out.write(0);
        }
        assertRefused("no end record");
    }

    @Test
    void severalDisks() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.endAt + 4, int16(1));
        assertRefused("one part of several");
    }

    @Test
    void severalDisksByTheirEntries() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.endAt + 8, int16(1));
        assertRefused("one part of several");
    }

    @Test
    void severalDisksInZip64() throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        patch(path, zip.locatorAt + 16, int32(2));
        assertRefused("one part of several");
    }

    @Test
    void entryOnAnotherDisk() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_DISK, int16(1));
        assertRefused("data/0", "another part");
    }

    @Test
    void directoryOutsideTheFile() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.endAt + 16, int32(0xffff_fff0L));
        assertRefused("4294967280", "end record");
    }

    @Test
    void directoryThatDoesNotEndAtItsEndRecord() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.endAt + 12, int32(46));
        assertRefused("46 bytes", "does not end at its end record");
    }

    @Test
    void directoryAboveTheLimit() throws IOException {
        ZipBuilder zip = one();
        zip.sparse("z", ZipDirectory.MAX_BYTES + 100L, Map.of()).write(path);
        long size = zip.endAt - zip.dataAt("z");
        patch(path, zip.endAt + 12, int32(size));
        patch(path, zip.endAt + 16, int32(zip.dataAt("z")));
        assertRefused("limit of 16777216");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 0, 65_534})
    void endRecordWithAnotherNumberOfEntries(int entries) throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.endAt + 8, int16(entries));
        patch(path, zip.endAt + 10, int16(entries));
        assertRefused("3 entries", "says " + entries);
    }

    @Test
    void zip64RecordSaidToBeElsewhere() throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        patch(path, zip.locatorAt + 8, int64(zip.end64At - 1));
        assertRefused("no zip64 end record");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE})
    void zip64RecordSaidToBeOutside(long position) throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        patch(path, zip.locatorAt + 8, int64(position));
        assertRefused("said to be at " + position);
    }

    @Test
    void zip64RecordThatDoesNotEndAtItsLocator() throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        patch(path, zip.end64At + 4, int64(45));
        assertRefused("no zip64 end record");
    }

    @Test
    void zip64RecordThatContradictsTheEndRecord() throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        patch(path, zip.endAt + 16, int32(0));
        assertRefused("contradicts");
    }

    @ParameterizedTest
    @CsvSource({
        "40, -1",
        "48, -1",
        "40, 9223372036854775807",
        "48, 9223372036854775807",
        "48, -9223372036854775808"
    })
    void zip64RecordOfAbsurdNumbers(int field, long value) throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        patch(path, zip.end64At + field, int64(value));
        assertRefused("does not end at its end record");
    }

    @Test
    void zip64RecordOfANegativeNumberOfEntries() throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        patch(path, zip.end64At + 24, int64(-1));
        patch(path, zip.end64At + 32, int64(-1));
        assertRefused("end record");
    }

    @Test
    void directoryRecordWithoutItsSignature() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("byteorder"), (byte) 'Q');
        assertRefused("directory is damaged");
    }

    @Test
    void directoryRecordLongerThanTheDirectory() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_EXTRA_BYTES, int16(1));
        assertRefused("directory is damaged");
    }

    @Test
    void nameThatIsNotUtf8() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_NAME, (byte) 0xff);
        assertRefused("not UTF-8");
    }

    @Test
    void nameTwice() throws IOException {
        one().entry("data/1", floats(7)).entry("data/1", floats(8)).write(path);
        assertRefused("\"archive/data/1\" twice");
    }

    @Test
    void localHeaderOfAnotherName() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.localAt("data/0") + 30, (byte) 'X');
        assertRefused("\"archive/data/0\"", "differently", "Xrchive/data/0");
    }

    @Test
    void localHeaderOfAnotherMethod() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.localAt("data/0") + 8, int16(8));
        assertRefused("\"archive/data/0\"", "differently");
    }

    @Test
    void localHeaderMissing() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.localAt("data/0"), (byte) 'Q');
        assertRefused("\"archive/data/0\"", "no local header");
    }

    @Test
    void localHeaderInsideTheDirectory() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(
                path,
                zip.centralAt("data/0") + ZipBuilder.CENTRAL_HEADER,
                int32(zip.directoryAt - 29));
        assertRefused("\"archive/data/0\"", "outside");
    }

    @Test
    void localHeaderOutsideTheFile() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_HEADER, int32(0xffff_fff0L));
        assertRefused("\"archive/data/0\"", "outside");
    }

    @Test
    void localHeaderWhoseNameReachesIntoTheDirectory() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.localAt("data/0") + 26, int16(0xffff));
        assertRefused("\"archive/data/0\"", "before the directory");
    }

    @Test
    void entryThatReachesIntoTheDirectory() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        long room = zip.directoryAt - zip.dataAt("data/0");
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_SIZE, int32(room + 1));
        assertRefused("\"archive/data/0\"", (room + 1) + " bytes", "before the directory");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MAX_VALUE, Long.MIN_VALUE})
    void entryOfAbsurdSizeInZip64(long size) throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        long extra = zip.centralAt("data/0") + ZipBuilder.CENTRAL_NAME + "archive/data/0".length();
        patch(path, extra + 12, int64(size));
        assertRefused("\"archive/data/0\"", size + " bytes");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MAX_VALUE, Long.MIN_VALUE})
    void entryAtAnAbsurdPlaceInZip64(long header) throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        long extra = zip.centralAt("data/0") + ZipBuilder.CENTRAL_NAME + "archive/data/0".length();
        patch(path, extra + 20, int64(header));
        assertRefused("\"archive/data/0\"", "begins at " + header);
    }

    @Test
    void zip64FieldTooShort() throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        long extra = zip.centralAt("data/0") + ZipBuilder.CENTRAL_NAME + "archive/data/0".length();
        patch(path, extra + 2, int16(16));
        assertRefused("\"archive/data/0\"", "lacks a number");
    }

    @Test
    void zip64FieldMissing() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_SIZE, int32(-1));
        assertRefused("\"archive/data/0\"", "lacks a number");
    }

    @Test
    void extraFieldLongerThanItsPlace() throws IOException {
        ZipBuilder zip = one().zip64();
        zip.write(path);
        long extra = zip.centralAt("data/0") + ZipBuilder.CENTRAL_NAME + "archive/data/0".length();
        patch(path, extra + 2, int16(25));
        assertRefused("\"archive/data/0\"", "damaged extra field");
    }

    @Test
    void entriesThatOverlap() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        long reach = zip.localAt("byteorder") - zip.dataAt("data.pkl") + 1;
        patch(path, zip.centralAt("data.pkl") + ZipBuilder.CENTRAL_SIZE, int32(reach));
        patch(path, zip.centralAt("data.pkl") + ZipBuilder.CENTRAL_INFLATED, int32(reach));
        assertRefused("\"archive/data.pkl\"", "\"archive/byteorder\"", "overlap");
    }

    @Test
    void compressedStorage() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_METHOD, int16(8));
        patch(path, zip.localAt("data/0") + 8, int16(8));
        assertRefused("\"archive/data/0\"", "compressed (method 8)");
    }

    @Test
    void archiveThatWasRepackedWithCompression() throws IOException {
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(path))) {
            zip.putNextEntry(new ZipEntry("archive/data.pkl"));
            zip.write(pickle(6, 0, new long[] {6}, new long[] {1}));
        }
        assertRefused("\"archive/data.pkl\"", "compressed");
    }

    @Test
    void storedEntryOfTwoSizes() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_INFLATED, int32(20));
        assertRefused("\"archive/data/0\"");
    }

    @Test
    void encryptedStorage() throws IOException {
        ZipBuilder zip = one();
        zip.write(path);
        patch(path, zip.centralAt("data/0") + ZipBuilder.CENTRAL_FLAGS, int16(0x809));
        assertRefused("\"archive/data/0\"", "encrypted");
    }

    // What is in the archive.

    @Test
    void zipWithoutPickle() throws IOException {
        new ZipBuilder().entry("word/document.xml", new byte[3]).write(path);
        assertRefused("0 entries", "data.pkl");
    }

    @Test
    void zipWithoutEntries() throws IOException {
        new ZipBuilder().write(path);
        assertRefused("0 entries", "data.pkl");
    }

    @Test
    void zipWithTwoFolders() throws IOException {
        one().entry("x", new byte[1]).write(path);
        byte[] bytes = Files.readAllBytes(path);
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        text =
                text.replace("archive/byteorder", "another/_data.pkl")
                        .replace("another/_data.pkl", "anothers/data.pkl");
        Files.write(path, text.getBytes(StandardCharsets.ISO_8859_1));
        assertRefused("2 entries");
    }

    @ParameterizedTest
    @ValueSource(strings = {"big", "", "LITTLE", "little\n"})
    void otherByteOrder(String order) throws IOException {
        byte[] pickle = pickle(6, 0, new long[] {6}, new long[] {1});
        ZipBuilder zip = new ZipBuilder().entry("data.pkl", pickle).entry("data/0", floats(VALUES));
        zip.entry("byteorder", order.getBytes(StandardCharsets.US_ASCII)).write(path);
        assertRefused("byte order");
    }

    @Test
    void pickleAboveTheLimit() throws IOException {
        new ZipBuilder().sparse("data.pkl", PyTorchZip.MAX_PICKLE_BYTES + 1L, Map.of()).write(path);
        assertRefused("\"archive/data.pkl\"", "16777217", "16777216");
    }

    @Test
    void errorInThePickleNamesFileAndEntry() throws IOException {
        ZipBuilder.torch(protocol2().global("posix", "system").stop()).write(path);
        assertRefused("\"archive/data.pkl\", byte 2", "\"posix.system\"");
    }

    @Test
    void topObjectThatIsNotADictionary() throws IOException {
        ZipBuilder.torch(protocol2().tensor("0", 6, 0, new long[] {6}, new long[] {1}).stop())
                .entry("data/0", floats(VALUES))
                .write(path);
        assertRefused("a tensor", "dictionary");
    }

    @Test
    void nameThatIsNotAString() throws IOException {
        ZipBuilder.torch(dictionary().number(3).number(4).op('s').stop()).write(path);
        assertRefused("\"archive/data.pkl\"", "uses 3 as a key", "name of a tensor");
    }

    @Test
    void dictionaryOfDictionaries() throws IOException {
        ZipBuilder.torch(dictionary().text("state_dict").orderedDict().op('s').stop()).write(path);
        assertRefused("\"state_dict\"", "a dictionary", "save the state dict itself");
    }

    @Test
    void tensorInAList() throws IOException {
        ZipBuilder.torch(dictionary().text("all").op(']').op('s').stop()).write(path);
        assertRefused("\"all\"", "a list");
    }

    @Test
    void storageMissing() throws IOException {
        ZipBuilder.torch(pickle(6, 0, new long[] {6}, new long[] {1})).write(path);
        assertRefused("\"w\"", "\"archive/data/0\"", "not in the file");
    }

    @Test
    void storageKeyThatPointsOutside() throws IOException {
        PickleBuilder pickle =
                dictionary()
                        .text("w")
                        .tensor("../../etc/passwd", 1, 0, new long[] {1}, new long[] {1});
        ZipBuilder.torch(pickle.op('s').stop()).write(path);
        assertRefused("\"w\"", "not in the file");
    }

    @ParameterizedTest
    @ValueSource(longs = {5, 7, 0, Long.MAX_VALUE})
    void storageOfAnotherLength(long elements) throws IOException {
        ZipBuilder.torch(pickle(elements, 0, new long[] {1}, new long[] {1}))
                .entry("data/0", floats(VALUES))
                .write(path);
        assertRefused("\"w\"", "24 bytes", elements + " elements");
    }

    @Test
    void storageOfAFractionOfElements() throws IOException {
        ZipBuilder.torch(pickle(1, 0, new long[] {1}, new long[] {1}))
                .entry("data/0", new byte[7])
                .write(path);
        assertRefused("\"w\"", "7 bytes", "1 elements");
    }

    @Test
    void viewBeyondItsStorage() throws IOException {
        write(1, new long[] {2, 3}, 3, 1);
        assertRefused("\"w\"", "element 7", "only 6");
    }

    @Test
    void viewThatBeginsBeyondItsStorage() throws IOException {
        write(7, new long[] {0}, 1);
        assertRefused("\"w\"", "element 7", "only 6");
    }

    @Test
    void viewWithALongStride() throws IOException {
        write(0, new long[] {2, 1}, 6, 1);
        assertRefused("\"w\"", "element 7", "only 6");
    }

    @Test
    void viewWhoseEndOverflows() throws IOException {
        write(0, new long[] {3, 2}, Long.MAX_VALUE / 2, 1);
        assertRefused("\"w\"", "63 bits");
        write(Long.MAX_VALUE, new long[] {1}, 1);
        assertRefused("\"w\"", "63 bits");
        write(0, new long[] {1L << 32, 1L << 32}, 0, 0);
        assertRefused("\"w\"", "63 bits");
    }

    @Test
    void viewOfNegativeNumbers() throws IOException {
        write(-1, new long[] {1}, 1);
        assertRefused("\"w\"", "negative");
        write(5, new long[] {2}, -1);
        assertRefused("\"w\"", "negative");
        write(0, new long[] {-2, -3}, 3, 1);
        assertRefused("\"w\"", "negative");
    }

    @Test
    void viewOfMoreSizesThanStrides() throws IOException {
        write(0, new long[] {2, 3}, 1);
        assertRefused("\"w\"", "2 sizes and 1 strides");
    }

    @Test
    void viewThatMakesMuchOfLittle() throws IOException {
        write(0, new long[] {1_000_000, 1_000_000}, 0, 0);
        assertRefused("\"w\"", "repeats elements", ".contiguous()");
    }
}
