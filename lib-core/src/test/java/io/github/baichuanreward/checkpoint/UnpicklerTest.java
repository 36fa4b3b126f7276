package io.github.baichuanreward.checkpoint;

import static io.github.baichuanreward.checkpoint.PickleBuilder.protocol2;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Pickles, above all those that ask for more than data. Long, because each opcode that is refused,
 * or refused in some place, has a test of its own.
 */
class UnpicklerTest {

    private static Object read(byte[] pickle) throws CheckpointException {
        return Unpickler.read(
                ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN), "x.bin, data.pkl");
    }

    private static void assertRefused(byte[] pickle, String... parts) {
        assertThatThrownBy(() -> read(pickle))
                .isInstanceOf(CheckpointException.class)
                .hasMessageStartingWith("x.bin, data.pkl, byte ")
                .hasMessageContainingAll(parts);
    }

    private static PickledTensor tensor(@Nullable Object object) {
        return (PickledTensor) Objects.requireNonNull(object);
    }

    @Test
    void protocol2DictionaryWithMetadataAsPyTorchWritesIt() throws CheckpointException {
        byte[] pickle =
                protocol2()
                        .orderedDict()
                        .op('q', 1)
                        .op('(')
                        .text("w")
                        .op('r')
                        .int32(300)
                        .tensor(
                                "BFloat16Storage",
                                "0",
                                70_000,
                                6,
                                new long[] {2, 3},
                                new long[] {3, 1})
                        .text("step")
                        .op('M', 0x39, 0x30)
                        .op('u')
                        .op('}')
                        .text("_metadata")
                        .orderedDict()
                        .text("")
                        .op('}')
                        .text("version")
                        .op('K', 1)
                        .op('s')
                        .op('s')
                        .op('s')
                        .op('b')
                        .stop();
        Map<?, ?> dictionary = (Map<?, ?>) read(pickle);
        assertThat(dictionary.keySet().stream().map(Object::toString)).containsExactly("w", "step");
        assertThat(dictionary.get("step")).isEqualTo(12_345L);
        PickledTensor w = tensor(dictionary.get("w"));
        assertThat(w.storage()).isEqualTo(new PickledStorage(DType.BFLOAT16, "0", 70_000));
        assertThat(w.offset()).isEqualTo(6);
        assertThat(w.shape()).containsExactly(2L, 3L);
        assertThat(w.strides()).containsExactly(3L, 1L);
    }

    @Test
    void protocol4WithFramesStackGlobalsAndMemoize() throws CheckpointException {
        byte[] body =
                new PickleBuilder()
                        .op('}')
                        .op(0x94)
                        .op(0x8c, 1, 'k')
                        .op(0x94)
                        .op(0x8c, 11, 'c', 'o', 'l', 'l', 'e', 'c', 't', 'i', 'o', 'n', 's')
                        .op(0x8d)
                        .int64(11)
                        .raw("OrderedDict".getBytes(StandardCharsets.US_ASCII))
                        .op(0x93)
                        .op(0x94)
                        .op(')')
                        .op('R')
                        .op('s')
                        .op('h', 0)
                        .stop();
        // The dictionary is on the stack twice: once built, once recalled.
        byte[] pickle =
                new PickleBuilder().op(0x80, 4).op(0x95).int64(body.length).raw(body).bytes();
        assertRefused(pickle, "2 objects on the stack");
        byte[] once = Arrays.copyOf(body, body.length - 2);
        once[once.length - 1] = '.';
        Map<?, ?> dictionary =
                (Map<?, ?>)
                        read(
                                new PickleBuilder()
                                        .op(0x80, 4)
                                        .op(0x95)
                                        .int64(once.length)
                                        .raw(once)
                                        .bytes());
        assertThat(dictionary.get("k")).isInstanceOf(Map.class);
    }

    @Test
    void parameterIsItsTensor() throws CheckpointException {
        PickleBuilder pickle = protocol2().global("torch._utils", "_rebuild_parameter").op('(');
        pickle.tensor("7", 4, 0, new long[] {4}, new long[] {1})
                .op(0x88)
                .orderedDict()
                .op('t')
                .op('R');
        assertThat(tensor(read(pickle.stop())).storage().key()).isEqualTo("7");
    }

    @ParameterizedTest
    @CsvSource({
        "FloatStorage, FLOAT32",
        "HalfStorage, FLOAT16",
        "BFloat16Storage, BFLOAT16",
        "DoubleStorage, FLOAT64",
        "LongStorage, INT64",
        "IntStorage, INT32",
        "ShortStorage, INT16",
        "CharStorage, INT8",
        "ByteStorage, UINT8",
        "BoolStorage, BOOL",
    })
    void storageClassesGiveTheType(String storageClass, DType type) throws CheckpointException {
        PickleBuilder pickle =
                protocol2().tensor(storageClass, "0", 1, 0, new long[0], new long[0]);
        assertThat(tensor(read(pickle.stop())).storage().dtype()).isEqualTo(type);
    }

    @Test
    void numbersOfEveryWidth() throws CheckpointException {
        PickleBuilder pickle = protocol2().op(']').op('(');
        pickle.op('K', 255)
                .op('M', 255, 255)
                .op('J')
                .int32(-5)
                .op(0x8a, 0)
                .op(0x8a, 1, 0xff)
                .op(0x8a, 2, 0x00, 0x80);
        pickle.op(0x8a, 3, 0, 0, 1)
                .number(Long.MIN_VALUE)
                .op('G', 0x3f, 0xf8, 0, 0, 0, 0, 0, 0)
                .op(0x88)
                .op('e')
                .op('N')
                .op('a');
        List<?> list = (List<?>) read(pickle.stop());
        assertThat(list.stream().map(Object.class::cast))
                .containsExactly(
                        255L,
                        65_535L,
                        -5L,
                        0L,
                        -1L,
                        -32_768L,
                        65_536L,
                        Long.MIN_VALUE,
                        1.5,
                        true,
                        Unpickler.NONE);
    }

    @ParameterizedTest
    @CsvSource({
        "posix, system",
        "nt, system",
        "os, system",
        "builtins, eval",
        "builtins, exec",
        "__builtin__, eval",
        "subprocess, Popen",
        "torch, load",
        "torch, Tensor",
        "torch, ComplexFloatStorage",
        "torch, FloatStorageX",
        "torch.storage, FloatStorage",
        "torch.storage, UntypedStorage",
        "torch._utils, _rebuild_tensor_v3",
        "torch._utils, _import_dotted_name",
        "torch, _utils._rebuild_tensor_v2",
        "torch._utils, _rebuild_tensor_v2.__globals__",
        "collections, OrderedDict.fromkeys",
        "Collections, OrderedDict",
        "io.github.baichuanreward.checkpoint, Checkpoint",
    })
    void anyOtherGlobalIsRefusedByNameBeforeItIsCalled(String module, String name) {
        assertRefused(
                protocol2().global(module, name).stop(),
                "byte 2:",
                "\"" + module + "." + name + "\"");
        byte[] stackGlobal = protocol2().text(module).text(name).op(0x93).stop();
        assertRefused(stackGlobal, "\"" + module + "." + name + "\"");
    }

    @Test
    void globalWithControlCharactersIsQuoted() {
        assertRefused(protocol2().global("o\u001bs", "sys\rtem").stop(), "o\\u001bs.sys\\u000dtem");
    }

    @ParameterizedTest
    @CsvSource({
        "80, PROTO",
        "81, NEWOBJ",
        "82, EXT1",
        "83, EXT2",
        "84, EXT4",
        "8b, LONG4",
        "8e, BINBYTES8",
        "8f, EMPTY_SET",
        "90, ADDITEMS",
        "91, FROZENSET",
        "92, NEWOBJ_EX",
        "96, BYTEARRAY8",
        "97, NEXT_BUFFER",
        "98, READONLY_BUFFER",
        "30, POP",
        "31, POP_MARK",
        "32, DUP",
        "42, BINBYTES",
        "43, SHORT_BINBYTES",
        "46, FLOAT",
        "49, INT",
        "4c, LONG",
        "50, PERSID",
        "53, STRING",
        "54, BINSTRING",
        "55, SHORT_BINSTRING",
        "56, UNICODE",
        "64, DICT",
        "67, GET",
        "69, INST",
        "6c, LIST",
        "6f, OBJ",
        "70, PUT",
        "00, unknown",
        "ff, unknown",
    })
    void anyOtherInstructionIsRefusedByNameAndPlace(String hex, String name) {
        byte[] pickle = protocol2().op(']').op(Integer.parseInt(hex, 16)).stop();
        assertRefused(pickle, "byte 3:", name + " (0x" + hex + ")");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 6, 127, 128, 255})
    void protocolsThatDoNotExist(int protocol) {
        assertRefused(
                new PickleBuilder().op(0x80, protocol).op(']').stop(),
                "protocol " + (byte) protocol);
    }

    @Test
    void pickleWithoutProtocol() {
        assertRefused(new PickleBuilder().op(']').stop(), "protocol number");
    }

    @Test
    void emptyPickle() {
        assertRefused(new byte[0], "protocol number");
    }

    @Test
    void pickleCutAtEveryByte() {
        PickleBuilder whole =
                protocol2()
                        .orderedDict()
                        .text("w")
                        .tensor("0", 4, 0, new long[] {4}, new long[] {1});
        byte[] pickle =
                whole.op('s').op('q', 1).op('r').int32(5).op('G', 0, 0, 0, 0, 0, 0, 0, 0).stop();
        for (int length = 0; length < pickle.length; length++) {
            assertRefused(Arrays.copyOf(pickle, length), "the pickle");
        }
    }

    @Test
    void bytesBehindTheEnd() {
        assertRefused(protocol2().op(']').op('.').stop(), "behind its end");
    }

    @Test
    void stopWithoutAnObject() {
        assertRefused(protocol2().stop(), "0 objects");
    }

    @Test
    void stopWithTwoObjects() {
        assertRefused(protocol2().op(']').op(']').stop(), "2 objects");
    }

    @Test
    void stopInsideAMark() {
        assertRefused(protocol2().op(']').op('(').stop(), "stops");
    }

    @Test
    void popFromAnEmptyStack() {
        assertRefused(protocol2().op(0x85).stop(), "needs 1 objects");
        assertRefused(protocol2().op('K', 1).op(0x87).stop(), "needs 3 objects", "1 are");
        assertRefused(protocol2().op('q', 0).stop(), "needs 1 objects");
    }

    @Test
    void popFromBelowAMark() {
        assertRefused(protocol2().op(']').op('(').op(0x85).stop(), "needs 1 objects", "0 are");
    }

    @Test
    void markThatIsNotThere() {
        assertRefused(protocol2().op(']').op('t').stop(), "mark");
    }

    @Test
    void recallOfWhatWasNotRemembered() {
        assertRefused(protocol2().op(']').op('q', 1).op('h', 2).stop(), "object 2");
        assertRefused(protocol2().op('j').int32(0xffff_ffffL).stop(), "object 4294967295");
    }

    @Test
    void appendToSomethingElseThanAList() {
        assertRefused(protocol2().op('}').op('K', 1).op('a').stop(), "appends to a dictionary");
        assertRefused(protocol2().op(')').op('(').op('e').stop(), "appends to a tuple");
    }

    @Test
    void itemsOfSomethingElseThanADictionary() {
        assertRefused(protocol2().op(']').text("k").op('K', 1).op('s').stop(), "a list");
    }

    @Test
    void keyWithoutValue() {
        assertRefused(
                protocol2().op('}').op('(').text("k").op('u').stop(), "sets 1 keys and values");
    }

    @Test
    void keyTwice() {
        byte[] pickle =
                protocol2()
                        .op('}')
                        .text("k")
                        .op('K', 1)
                        .op('s')
                        .text("k")
                        .op('K', 2)
                        .op('s')
                        .stop();
        assertRefused(pickle, "\"k\"", "twice");
    }

    @ParameterizedTest
    @ValueSource(chars = {']', '}', ')', 'N', 0x88})
    void keyThatIsNotAString(char key) {
        assertRefused(protocol2().op('}').op(key).op('K', 1).op('s').stop(), "as a key");
    }

    @Test
    void numberAsAKey() {
        assertRefused(
                protocol2().op('}').number(7).op('K', 1).op('s').stop(),
                "uses 7 as a key",
                "torch.save(model.state_dict(), FILE)");
    }

    /** Numbers and strings of one hash, where each string is compared with each number. */
    @Test
    @Timeout(5)
    void keysOfOneHashTakeNoTime() throws CheckpointException {
        int count = 1 << 15;
        PickleBuilder numbersFirst = protocol2().op('}');
        PickleBuilder strings = protocol2().op('}');
        int hash = oneHash(0).hashCode();
        for (long i = 0; i < count; i++) {
            numbersFirst.number(i << 32 | Integer.toUnsignedLong((int) i ^ hash)).op('N').op('s');
        }
        for (int i = 0; i < count; i++) {
            assertThat(oneHash(i).hashCode()).isEqualTo(hash);
            numbersFirst.text(oneHash(i)).op('N').op('s');
            strings.text(oneHash(i)).op('N').op('s');
        }
        assertThat((Map<?, ?>) read(strings.stop())).hasSize(count);
        assertRefused(numbersFirst.stop(), "as a key");
    }

    /** The i-th of 2^15 strings that have the same hash. */
    private static String oneHash(int i) {
        StringBuilder text = new StringBuilder();
        for (int bit = 0; bit < 15; bit++) {
            text.append((i >> bit & 1) == 0 ? "Aa" : "BB");
        }
        return text.toString();
    }

    @Test
    void reduceOfSomethingElseThanAnAllowedName() {
        assertRefused(protocol2().text("eval").op(')').op('R').stop(), "calls the string \"eval\"");
        assertRefused(
                protocol2().global("torch", "FloatStorage").op(')').op('R').stop(),
                "calls an object");
    }

    @Test
    void reduceWithSomethingElseThanATuple() {
        assertRefused(
                protocol2().global("collections", "OrderedDict").op(']').op('R').stop(),
                "with a list");
    }

    @Test
    void orderedDictWithArguments() {
        assertRefused(
                protocol2().global("collections", "OrderedDict").op('K', 1).op(0x85).op('R').stop(),
                "OrderedDict");
    }

    @Test
    void stateOfSomethingElseThanADictionary() {
        PickleBuilder pickle = protocol2().tensor("0", 1, 0, new long[0], new long[0]);
        assertRefused(pickle.op('}').op('b').stop(), "state of a tensor");
        assertRefused(protocol2().op('}').op(']').op('b').stop(), "to a list");
    }

    @Test
    void stackGlobalOfSomethingElseThanStrings() {
        assertRefused(protocol2().op('K', 1).text("system").op(0x93).stop(), "two strings");
    }

    @Test
    void persistentIdsOfOtherForms() {
        assertRefused(protocol2().text("storage").op('Q').stop(), "persistent id");
        assertRefused(protocol2().numbers(1, 2, 3, 4, 5).op('Q').stop(), "persistent id");
        PickleBuilder module =
                protocol2()
                        .op('(')
                        .text("module")
                        .global("torch", "FloatStorage")
                        .text("0")
                        .text("cpu");
        assertRefused(module.number(1).op('t').op('Q').stop(), "persistent id");
        assertRefused(protocol2().storage("FloatStorage", "0", -1).stop(), "persistent id");
    }

    @Test
    void tensorOfWrongArguments() {
        assertRefused(
                protocol2().global("torch._utils", "_rebuild_tensor_v2").op(')').op('R').stop(),
                "_rebuild_tensor_v2");
        PickleBuilder noStorage = protocol2().global("torch._utils", "_rebuild_tensor_v2");
        noStorage
                .op('(')
                .text("0")
                .number(0)
                .numbers(1)
                .numbers(1)
                .op(0x89)
                .orderedDict()
                .op('t')
                .op('R');
        assertRefused(noStorage.stop(), "_rebuild_tensor_v2", "storage");
    }

    @Test
    void tensorOfSizesThatAreNotNumbers() {
        PickleBuilder pickle = protocol2().global("torch._utils", "_rebuild_tensor_v2").op('(');
        pickle.storage("FloatStorage", "0", 1)
                .number(0)
                .text("1")
                .op(0x85)
                .numbers(1)
                .op(0x89)
                .orderedDict();
        assertRefused(pickle.op('t').op('R').stop(), "sizes", "whole numbers");
    }

    @Test
    void tensorOfTooManyDimensions() {
        byte[] pickle = protocol2().tensor("0", 1, 0, new long[65], new long[65]).stop();
        assertRefused(pickle, "sizes", "at most 64");
    }

    @Test
    void negatedView() {
        PickleBuilder pickle = protocol2().global("torch._utils", "_rebuild_tensor_v2").op('(');
        pickle.storage("FloatStorage", "0", 1)
                .number(0)
                .numbers(1)
                .numbers(1)
                .op(0x89)
                .orderedDict();
        assertRefused(
                pickle.op('}').text("neg").op(0x88).op('s').op('t').op('R').stop(), "negated");
    }

    @Test
    void parameterOfSomethingElseThanATensor() {
        PickleBuilder pickle = protocol2().global("torch._utils", "_rebuild_parameter");
        assertRefused(
                pickle.op(']').op(0x88).orderedDict().op(0x87).op('R').stop(),
                "_rebuild_parameter");
    }

    @Test
    void integerTooLongForALong() {
        assertRefused(
                protocol2().op(0x8a, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1).stop(), "integer of 9 bytes");
    }

    @Test
    void stringLongerThanThePickle() {
        assertRefused(protocol2().op('X').int32(60_000).stop(), "cut short");
    }

    @Test
    void stringAboveTheLimit() {
        assertRefused(protocol2().op('X').int32(0xffff_ffffL).stop(), "4294967295", "65536");
        assertRefused(protocol2().op(0x8d).int64(-1).stop(), "18446744073709551615", "65536");
        assertRefused(protocol2().global("x".repeat(70_000), "y").stop(), "longer than 65536");
    }

    @Test
    void stringThatIsNotUtf8() {
        assertRefused(protocol2().op('X').int32(1).op(0xff).stop(), "UTF-8");
        assertRefused(protocol2().op('c', 0xff, '\n', 'x', '\n').stop(), "UTF-8");
    }

    @Test
    void nameWithoutEnd() {
        assertRefused(protocol2().op('c', 'o', 's').bytes(), "cut short");
    }

    @Test
    void frameBeyondThePickle() {
        assertRefused(
                new PickleBuilder().op(0x80, 4).op(0x95).int64(2).op('.').bytes(),
                "frame of 2 bytes");
        assertRefused(
                new PickleBuilder().op(0x80, 4).op(0x95).int64(-1).op(']').stop(),
                "frame of -1 bytes");
    }

    @Test
    void containersThatHoldThemselvesAreReadAndDescribedWithoutRecursion()
            throws CheckpointException {
        byte[] list = protocol2().op(']').op('q', 0).op('h', 0).op('a').stop();
        assertThat(TorchObjects.describe(read(list))).isEqualTo("a list");
        byte[] dictionary = protocol2().op('}').op('q', 0).text("self").op('h', 0).op('s').stop();
        assertThat(TorchObjects.describe(read(dictionary))).isEqualTo("a dictionary");
        assertRefused(
                protocol2().op('}').op('q', 0).op('h', 0).op('K', 1).op('s').stop(),
                "a dictionary as a key");
    }

    @Test
    void tupleNestedAMillionDeepIsReadWithoutRecursion() throws CheckpointException {
        PickleBuilder pickle = protocol2().op(')');
        for (int i = 0; i < 1_000_000; i++) {
            pickle.op(0x85);
        }
        assertThat(TorchObjects.describe(read(pickle.stop()))).isEqualTo("a tuple");
    }

    @Test
    void tupleThatDoublesAtEveryStepTakesNoTimeNorMemory() {
        PickleBuilder pickle = protocol2().op(')').op('q', 0);
        for (int i = 0; i < 100; i++) {
            pickle.op('h', 0).op(0x86).op('q', 0);
        }
        assertRefused(pickle.op('N').op('}').op('h', 0).op('N').op('s').stop(), "a tuple as a key");
    }

    @Test
    void objectsAboveTheLimit() {
        byte[] pickle = new byte[2 * Unpickler.MAX_OBJECTS + 10];
        pickle[0] = (byte) 0x80;
        pickle[1] = 2;
        pickle[2] = ']';
        for (int i = 3; i + 1 < pickle.length; i += 2) {
            pickle[i] = '}';
            pickle[i + 1] = 'a';
        }
        assertRefused(pickle, "more than 2000000 objects");
    }

    @ParameterizedTest
    @ValueSource(chars = {'(', 'N'})
    void stackAboveTheLimit(char instruction) {
        byte[] pickle = new byte[Unpickler.MAX_STACK + 10];
        Arrays.fill(pickle, (byte) instruction);
        pickle[0] = (byte) 0x80;
        pickle[1] = 2;
        assertRefused(pickle, "more than 100000 objects on the stack");
    }

    @Test
    void memoAboveTheLimit() {
        ByteBuffer pickle =
                ByteBuffer.allocate(3 + 5 * (Unpickler.MAX_MEMO + 1))
                        .order(ByteOrder.LITTLE_ENDIAN);
        pickle.put((byte) 0x80).put((byte) 2).put((byte) ']');
        for (int i = 0; i <= Unpickler.MAX_MEMO; i++) {
            pickle.put((byte) 'r').putInt(-i);
        }
        assertRefused(pickle.array(), "more than 1000000");
    }
}
