package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.Fixtures.golden;
import static io.github.baichuanreward.checkpoint.Fixtures.tensor;
import static io.github.baichuanreward.checkpoint.PickleBuilder.protocol2;
import static io.github.baichuanreward.checkpoint.SafetensorsBuilder.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Files of torch.save before PyTorch 1.6: as they are, and every way to be wrong. Long, because
 * each way has a test of its own.
 */
class PyTorchLegacyTest {
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
        return protocol2().legacy().orderedDict();
    }

    /** A dictionary of one tensor "w" [2, 3] over storage "a" of 6 elements. */
    private static byte[] w() {
        return dictionary()
                .text("w")
                .tensor("a", 6, 0, new long[] {2, 3}, new long[] {3, 1})
                .op('s')
                .stop();
    }

    private static LegacyBuilder one() {
        return new LegacyBuilder(w(), "a").storage(6, floats(VALUES));
    }

    /** Tensors "v" and "w" over storages "b" and "a", which follow each other as "a", "b". */
    private static LegacyBuilder two(String... keys) {
        PickleBuilder pickle = dictionary().op('(');
        pickle.text("v").tensor("b", 2, 0, new long[] {2}, new long[] {1});
        pickle.text("w").tensor("a", 6, 0, new long[] {6}, new long[] {1}).op('u');
        return new LegacyBuilder(pickle.stop(), keys)
                .storage(6, floats(VALUES))
                .storage(2, floats(7, 8));
    }

    private float[] values(String name) throws CheckpointException {
        return tensor(Checkpoint.openFile(path), name).toFloats();
    }

    // What torch.save may write.

    @ParameterizedTest
    @CsvSource({"tiny-a, FLOAT32", "tiny-fp16, FLOAT16", "tiny-views, FLOAT32"})
    void everyTensorHasTheBytesThatTheZipFileHas(String golden, DType dtype) throws IOException {
        Files.write(path, LegacyBuilder.ofGolden(golden, dtype));
        Checkpoint zip = Checkpoint.openFile(golden(golden).resolve("pytorch_model.bin"));
        Checkpoint legacy = Checkpoint.openFile(path);
        assertThat(legacy.format()).isEqualTo("PyTorch legacy, 1 file");
        assertThat(legacy.names()).isNotEmpty().containsExactlyElementsOf(zip.names());
        for (String name : zip.names()) {
            Tensor expected = tensor(zip, name);
            Tensor tensor = tensor(legacy, name);
            assertThat(tensor.dtype()).as(name).isEqualTo(expected.dtype());
            assertThat(tensor.shape()).as(name).isEqualTo(expected.shape());
            assertThat(tensor.map()).as(name).isEqualTo(expected.map());
        }
    }

    @Test
    void storagesInTheOrderOfTheKeys() throws IOException {
        two("a", "b").write(path);
        assertThat(Checkpoint.openFile(path).names()).containsExactly("v", "w");
        assertThat(values("v")).containsExactly(7, 8);
        assertThat(values("w")).containsExactly(VALUES);
    }

    @Test
    void shardsOfBothFormatsOfTorchSave() throws IOException {
        one().write(path);
        ZipBuilder.torch(
                        protocol2()
                                .orderedDict()
                                .text("z")
                                .tensor("0", 1, 0, new long[] {1}, new long[] {1})
                                .op('s')
                                .stop())
                .entry("data/0", floats(9))
                .write(directory.resolve("z.bin"));
        Files.writeString(
                directory.resolve("pytorch_model.bin.index.json"),
                "{\"weight_map\":{\"w\":\"x.bin\",\"z\":\"z.bin\"}}");
        Checkpoint checkpoint = Checkpoint.open(directory);
        assertThat(checkpoint.format()).isEqualTo("PyTorch legacy and PyTorch zip, 2 shards");
        assertThat(tensor(checkpoint, "w").toFloats()).containsExactly(VALUES);
        assertThat(tensor(checkpoint, "z").toFloats()).containsExactly(9);
    }

    @Test
    void frameOfProtocol4AroundTheMagicNumber() throws IOException {
        byte[] number = Arrays.copyOfRange(LegacyBuilder.MAGIC, 2, LegacyBuilder.MAGIC.length);
        byte[] framed =
                new PickleBuilder().op(0x80, 4).op(0x95).int64(number.length).raw(number).bytes();
        one().pickle(1, framed).write(path);
        assertThat(values("w")).containsExactly(VALUES);
    }

    @Test
    void emptyDictionaryWithoutStorages() throws IOException {
        new LegacyBuilder(dictionary().stop()).write(path);
        assertThat(Checkpoint.openFile(path).names()).isEmpty();
    }

    @Test
    void emptyStorage() throws IOException {
        PickleBuilder pickle =
                dictionary().text("w").tensor("a", 0, 0, new long[] {0}, new long[] {1});
        new LegacyBuilder(pickle.op('s').stop(), "a").storage(0, new byte[0]).write(path);
        assertThat(values("w")).isEmpty();
    }

    @Test
    void tensorsInAPartOfAStorage() throws IOException {
        write(part("b", 2, 4), 1, new long[] {3}, 1);
        assertThat(values("w")).containsExactly(4, 5, 6);
        write(part("b", 6, 0), 0, new long[] {0}, 1);
        assertThat(values("w")).isEmpty();
    }

    /** Writes a file in which "w" is such a view of a part of 1 to 6. */
    private void write(PickleBuilder part, long offset, long[] shape, long... strides)
            throws IOException {
        PickleBuilder pickle = protocol2().idEnd(part).orderedDict();
        pickle.text("w").tensor("a", 6, offset, shape, strides).op('s');
        new LegacyBuilder(pickle.stop(), "a").storage(6, floats(VALUES)).write(path);
    }

    private static PickleBuilder part(String key, long first, long count) {
        return new PickleBuilder().op('(').text(key).number(first).number(count).op('t');
    }

    @Test
    void fileAbove4GibIsMappedAtItsFarEnd() throws IOException {
        long elements = (9L << 30) / 8;
        PickleBuilder pickle = dictionary().op('(');
        pickle.text("far").tensor("0", elements, elements - 2, new long[] {2}, new long[] {1});
        pickle.text("last").tensor("1", 2, 0, new long[] {2}, new long[] {1}).op('u');
        byte[] start = new LegacyBuilder(pickle.stop(), "0", "1").bytes();
        byte[] end = new LegacyBuilder(new byte[0]).storage(2, floats(10, 11)).storages();
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.write(start);
            file.write(new LegacyBuilder(new byte[0]).storage(elements, new byte[0]).storages());
            file.seek(start.length + 8 + 4 * elements - 8);
            file.write(floats(8, 9));
            file.write(end);
        }
        assertThat(Files.size(path)).isGreaterThan(1L << 32);
        assertThat(values("far")).containsExactly(8, 9);
        assertThat(values("last")).containsExactly(10, 11);
    }

    // The five pickles.

    @Test
    void fileCutAnywhereIsRefused() throws IOException {
        byte[] whole = two("a", "b").bytes();
        for (int length = 1; length < whole.length; length++) {
            Files.write(path, Arrays.copyOf(whole, length));
            assertRefused("x.bin");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5})
    void fileCutBetweenPickles(int number) throws IOException {
        LegacyBuilder file = new LegacyBuilder(w(), "a");
        for (int after = number; after <= 5; after++) {
            file.pickle(after, new byte[0]);
        }
        file.write(path);
        assertRefused("ends before pickle " + number + " of 5");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 5})
    void fileCutInsideAPickle(int number) throws IOException {
        LegacyBuilder file = new LegacyBuilder(w(), "a");
        for (int after = number; after <= 5; after++) {
            file.pickle(after, new byte[0]);
        }
        file.pickle(number, protocol2().op('X', 9).bytes()).write(path);
        assertRefused("pickle " + number + " of 5, byte", "cut short");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5})
    void forbiddenNameInEveryPickle(int number) throws IOException {
        one().pickle(number, protocol2().global("posix", "system").stop()).write(path);
        if (number == 1) {
            assertRefused("magic number");
        } else {
            assertRefused(
                    "pickle " + number + " of 5, byte", "\"posix.system\"", "nothing was run");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 5})
    void persistentIdOutsideTheDictionary(int number) throws IOException {
        one().pickle(number, protocol2().legacy().storage("FloatStorage", "a", 6).stop())
                .write(path);
        assertRefused("pickle " + number + " of 5", "persistent id");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 9, 13, 14})
    void otherMagicNumber(int place) throws IOException {
        byte[] magic = LegacyBuilder.MAGIC.clone();
        magic[place] ^= 1;
        one().pickle(1, magic).write(path);
        assertRefused("magic number", "torch.save(model.state_dict()");
    }

    @Test
    void pickleOfSomethingElse() throws IOException {
        Files.write(path, protocol2().orderedDict().stop());
        assertRefused("is a pickle", "magic number");
    }

    @Test
    void otherVersion() throws IOException {
        one().pickle(2, protocol2().number(1002).stop()).write(path);
        assertRefused("version 1002", "1001");
        one().pickle(2, protocol2().text("1001").stop()).write(path);
        assertRefused("version the string \"1001\"");
    }

    @Test
    void factsOfTheMachineWithoutOrWithAnotherVersion() throws IOException {
        one().pickle(3, LegacyBuilder.machine(1000, 0x88)).write(path);
        assertRefused("pickle 3", "version");
        one().pickle(3, protocol2().op('}').text("little_endian").op(0x88).op('s').stop())
                .write(path);
        assertRefused("pickle 3", "version");
    }

    @Test
    void factsOfTheMachineWithoutByteOrder() throws IOException {
        one().pickle(3, protocol2().op('}').text("protocol_version").number(1001).op('s').stop())
                .write(path);
        assertRefused("pickle 3", "byte order");
        one().pickle(3, LegacyBuilder.machine(1001, ']')).write(path);
        assertRefused("pickle 3", "byte order");
        one().pickle(3, protocol2().op(']').stop()).write(path);
        assertRefused("pickle 3", "byte order");
    }

    @Test
    void bigEndian() throws IOException {
        one().pickle(3, LegacyBuilder.machine(1001, 0x89)).write(path);
        assertRefused("big-endian", "save it on a little-endian machine");
    }

    @Test
    void topObjectThatIsNotADictionary() throws IOException {
        PickleBuilder pickle = protocol2().legacy();
        pickle.tensor("a", 6, 0, new long[] {6}, new long[] {1});
        one().pickle(4, pickle.stop()).write(path);
        assertRefused("a tensor", "dictionary");
    }

    @Test
    void persistentIdOfFiveItems() throws IOException {
        byte[] zip =
                protocol2()
                        .orderedDict()
                        .text("w")
                        .tensor("a", 6, 0, new long[] {6}, new long[] {1})
                        .op('s')
                        .stop();
        one().pickle(4, zip).write(path);
        assertRefused("pickle 4 of 5", "persistent id", "view");
    }

    @Test
    void persistentIdOfSixItemsInAZipFile() throws IOException {
        ZipBuilder.torch(w()).entry("data/a", floats(VALUES)).write(path);
        assertRefused("persistent id");
    }

    @Test
    void wholeModuleInsteadOfItsTensors() throws IOException {
        PickleBuilder pickle = protocol2().op('(').text("module").global("my_model", "Model");
        one().pickle(4, pickle.text("model.py").text("class Model").op('t').op('Q').stop())
                .write(path);
        assertRefused("\"my_model.Model\"", "state dict");
    }

    @ParameterizedTest
    @CsvSource({"-1, 1", "0, -1", "0, 7", "6, 1", "7, 0", "1, 9223372036854775807"})
    void partThatIsNotInsideItsStorage(long first, long count) throws IOException {
        write(part("b", first, count), 0, new long[] {0}, 1);
        assertRefused("pickle 4 of 5", "inside the 6 elements");
    }

    @Test
    void partOfAnotherForm() throws IOException {
        write(new PickleBuilder().number(0), 0, new long[] {0}, 1);
        assertRefused("view is not (key, first, count)");
        write(new PickleBuilder().numbers(1, 2, 3), 0, new long[] {0}, 1);
        assertRefused("view is not (key, first, count)");
        write(new PickleBuilder().op('(').text("b").number(0).op('t'), 0, new long[] {0}, 1);
        assertRefused("view is not (key, first, count)");
    }

    @Test
    void tensorBeyondItsPartButInsideTheStorage() throws IOException {
        write(part("b", 1, 4), 1, new long[] {4}, 1);
        assertRefused("\"w\"", "element 5", "only 4");
    }

    @Test
    void tensorBeyondItsStorage() throws IOException {
        PickleBuilder pickle =
                dictionary().text("w").tensor("a", 6, 1, new long[] {6}, new long[] {1});
        one().pickle(4, pickle.op('s').stop()).write(path);
        assertRefused("\"w\"", "element 7", "only 6");
    }

    @Test
    void storageOfTwoLengthsOrTypes() throws IOException {
        PickleBuilder lengths = dictionary().op('(');
        lengths.text("v").tensor("a", 5, 0, new long[] {5}, new long[] {1});
        lengths.text("w").tensor("a", 6, 0, new long[] {6}, new long[] {1}).op('u');
        one().pickle(4, lengths.stop()).write(path);
        assertRefused("\"a\"", "6 elements of FLOAT32 and as 5 elements of FLOAT32");

        PickleBuilder types = dictionary().op('(');
        types.text("v").tensor("IntStorage", "a", 6, 0, new long[] {5}, new long[] {1});
        types.text("w").tensor("a", 6, 0, new long[] {6}, new long[] {1}).op('u');
        one().pickle(4, types.stop()).write(path);
        assertRefused("\"a\"", "6 elements of FLOAT32 and as 6 elements of INT32");
    }

    @Test
    void picklesAboveTheLimit() throws IOException {
        byte[] padding = new byte[PyTorchLegacy.MAX_PICKLE_BYTES];
        Arrays.fill(padding, (byte) 'X');
        // Strings of 64 KiB: X, length, text.
        for (int at = 0; at < padding.length; at += 65_536) {
            padding[at + 1] = (byte) 0xfb;
            padding[at + 2] = (byte) 0xff;
            padding[at + 3] = 0;
            padding[at + 4] = 0;
        }
        one().pickle(4, protocol2().raw(padding).stop()).write(path);
        assertRefused("pickle 4 of 5", "limit of 16777216 bytes");
    }

    // Keys and storages.

    @Test
    void keysThatAreNotAListOfStrings() throws IOException {
        one().pickle(5, protocol2().text("a").stop()).write(path);
        assertRefused("the string \"a\"", "instead of a list");
        one().pickle(5, protocol2().op(']').number(7).op('a').stop()).write(path);
        assertRefused("lists among its storages 7");
        one().pickle(5, protocol2().op(']').op('q', 0).op('h', 0).op('a').stop()).write(path);
        assertRefused("lists among its storages a list");
    }

    @Test
    void keyOfAnUnknownStorage() throws IOException {
        two("a", "b", "c").write(path);
        assertRefused("\"c\"", "no tensor refers to");
    }

    @Test
    void keyMissing() throws IOException {
        two("a").write(path);
        assertRefused("does not list storage \"b\"");
        two().write(path);
        assertRefused("does not list storage");
    }

    @Test
    void keyTwice() throws IOException {
        two("a", "b", "a").write(path);
        assertRefused("lists storage \"a\" twice");
    }

    @Test
    void keysInAnotherOrderThanTheStorages() throws IOException {
        two("b", "a").write(path);
        assertRefused("storage \"b\"", "has 6 elements", "2 elements of FLOAT32");
    }

    @ParameterizedTest
    @ValueSource(longs = {5, 7, 0, -1, Long.MIN_VALUE, Long.MAX_VALUE})
    void storageOfAnotherLength(long elements) throws IOException {
        new LegacyBuilder(w(), "a").storage(elements, floats(VALUES)).write(path);
        assertRefused("storage \"a\"", "has " + elements + " elements", "6 elements of FLOAT32");
    }

    @ParameterizedTest
    @ValueSource(longs = {7, 1L << 32, 1L << 61, 1L << 62, Long.MAX_VALUE})
    void storageThatEndsBeyondTheFile(long elements) throws IOException {
        PickleBuilder pickle =
                dictionary().text("w").tensor("a", elements, 0, new long[] {6}, new long[] {1});
        new LegacyBuilder(pickle.op('s').stop(), "a").storage(elements, floats(VALUES)).write(path);
        assertRefused("storage \"a\"", elements + " elements", "cut short");
    }

    @Test
    void fileCutInTheNumberOfElements() throws IOException {
        new LegacyBuilder(w(), "a").raw(new byte[7]).write(path);
        assertRefused("storage \"a\", its number of elements", "do not lie inside the file");
    }

    @Test
    void bytesBehindTheLastStorage() throws IOException {
        one().raw(new byte[3]).write(path);
        assertRefused("3 bytes behind its last storage");
    }
}
