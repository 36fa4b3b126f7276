package io.github.baichuanreward.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.baichuanreward.cuda.LayerPlan.Device;
import io.github.baichuanreward.cuda.LayerPlan.Shard;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LayerPlanTest {

    /** Baichuan-13B in 16 bits: 25.2 GiB with all that goes with it, 0.59 GiB a layer. */
    private static final ModelMemory HALF = memory(WeightForm.HALF);

    private static final ModelMemory INT8 = memory(WeightForm.INT8);

    @Test
    void largeDevicesHoldACopyEach() {
        LayerPlan plan = plan(HALF, devices(80, 80, 80, 80, 80, 80, 80, 80));

        assertThat(plan.copies()).hasSize(8);
        assertThat(shapes(plan)).allMatch(shape -> shape.matches("\\d:0-39"));
        assertThat(plan.isMixed()).isFalse();
    }

    @Test
    void twoSmallOnesHoldOneTogether() {
        assertThat(shapes(plan(HALF, devices(24, 24)))).containsExactly("0:0-19 1:20-39");
        assertThat(shapes(plan(HALF, devices(24, 24, 24, 24))))
                .as("two copies")
                .containsExactly("0:0-19 1:20-39", "2:0-19 3:20-39");
        assertThat(shapes(plan(INT8, devices(24, 24)))).containsExactly("0:0-39", "1:0-39");
    }

    @Test
    void asFewAsHoldIt() {
        assertThat(shapes(plan(HALF, devices(10, 10, 10))))
                .containsExactly("0:0-12 1:13-25 2:26-39");
        LayerPlan five = plan(HALF, devices(8, 8, 8, 8, 8));
        assertThat(shapes(five)).containsExactly("0:0-9 1:10-19 2:20-29 3:30-39");
        assertThat(five.unused()).extracting(Device::ordinal).hasSize(1);
    }

    @Test
    void unevenOnesGetWhatTheyHold() {
        LayerPlan plan = plan(HALF, devices(8, 24));
        List<Shard> shards = plan.copies().get(0).shards();

        assertThat(plan.copies()).hasSize(1);
        assertThat(shards.get(0).layers()).isLessThan(12).isPositive();
        assertThat(shards.get(1).layers()).isEqualTo(40 - shards.get(0).layers());
        requireFitting(HALF, plan);
    }

    /** 1 and 2 together would be the fastest copy, but 4 and 5 are enough to make two of them. */
    @Test
    void smallDevicesHelpWhereThatMakesAnotherCopy() {
        LayerPlan plan = plan(HALF, devices(80, 22, 24, 40, 6, 6));

        assertThat(shapes(plan)).hasSize(4).contains("0:0-39", "3:0-39");
        assertThat(ordinals(plan)).containsExactly("0", "1+4", "2+5", "3");
        assertThat(ordinals(plan(HALF, devices(80, 22, 24, 40, 6))))
                .as("the others would hold none without a large one")
                .hasSize(3);
    }

    @Test
    void asFewAsHoldItWhereTheFirstHasRoomForALayer() {
        assertThat(ordinals(plan(HALF, quarters(10, 96, 96)))).containsExactly("1+2");
        assertThat(ordinals(plan(HALF, quarters(9, 96, 10, 96)))).containsExactly("1+3");
    }

    /**
     * One that has room for a layer, but not for the embedding as well, is of no use as the first.
     */
    @Test
    void aFirstDeviceWithoutRoomForTheEmbeddingHidesNoCopy() {
        assertThat(ordinals(plan(HALF, quarters(8, 89, 53, 18)))).containsExactly("1+2");
        assertThat(plan(HALF, quarters(9, 25, 98, 90, 14)).problem()).isNull();
        assertThat(plan(HALF, quarters(9, 47, 80, 77, 99, 84)).problem()).isNull();
    }

    /** A copy is as fast as the device with the most layers. */
    @Test
    void layersAreEvenWhereThatCostsNoCopy() {
        assertThat(shapes(plan(HALF, devices(24, 24, 5)))).containsExactly("0:0-19 1:20-39");
        assertThat(shapes(plan(HALF, devices(3, 24, 24)))).containsExactly("1:0-19 2:20-39");
        assertThat(shapes(plan(HALF, devices(5, 24, 80, 24))))
                .containsExactly("1:0-19 3:20-39", "2:0-39");
        LayerPlan two = plan(HALF, devices(5, 5, 24, 24));
        assertThat(ordinals(two)).as("but not if it does").containsExactly("0+2", "1+3");
        requireFitting(HALF, two);
    }

    @Test
    void leavingADeviceOutNeverHelps() {
        Random random = new Random(11);
        int refused = 0;
        int copies = 0;
        for (int round = 0; round < 3000; round++) {
            int[] quarters = random.ints(2 + random.nextInt(7), 8, 104).toArray();
            List<Device> devices = quarters(quarters);
            LayerPlan plan = plan(HALF, devices);
            for (Device device : devices) {
                List<Device> fewer = new ArrayList<>(devices);
                fewer.remove(device);
                LayerPlan without = plan(HALF, fewer);
                assertThat(without.copies().size())
                        .as("%s of %s quarters of a GiB", device, Arrays.toString(quarters))
                        .isLessThanOrEqualTo(plan.copies().size());
                if (without.copies().size() == plan.copies().size()) {
                    assertThat(used(plan)).isLessThanOrEqualTo(used(without));
                }
            }
            refused += plan.problem() == null ? 0 : 1;
            copies += plan.copies().size();
        }
        assertThat(refused).isBetween(100, 1000);
        assertThat(copies).isGreaterThan(3000);
    }

    private static long used(LayerPlan plan) {
        return plan.copies().stream().mapToLong(copy -> copy.shards().size()).sum();
    }

    /** More than can be looked at in all combinations. */
    @Test
    void manyDevicesAreDividedAsFewAre() {
        int[] alike = new int[31];
        Arrays.fill(alike, 40);
        LayerPlan plan = plan(HALF, quarters(alike));
        assertThat(plan.copies()).hasSize(10).allMatch(copy -> copy.shards().size() == 3);
        assertThat(plan.copies().get(0).shards())
                .extracting(shard -> shard.device().ordinal())
                .containsExactly(0, 1, 2);
        requireFitting(HALF, plan);

        int[] small = new int[24];
        Arrays.fill(small, 11); // two layers each
        small[0] = 8;
        LayerPlan one = plan(HALF, quarters(small));
        assertThat(one.copies())
                .singleElement()
                .satisfies(copy -> assertThat(copy.shards()).hasSizeGreaterThan(16));
        requireFitting(HALF, one);
        assertThat(plan(HALF, quarters(Arrays.copyOf(small, 16))).problem()).isNotNull();

        int[] pairs = new int[32];
        Arrays.setAll(pairs, n -> n % 2 == 0 ? 96 : 24); // each small one helps a large one
        LayerPlan each = plan(HALF, quarters(pairs));
        assertThat(each.copies()).hasSize(16);
        requireFitting(HALF, each);
    }

    @Test
    void layersGoWhereTheyAreAskedFor() {
        LayerPlan plan = LayerPlan.of(HALF, devices(24, 24, 24, 24), List.of(24, 16), false);
        assertThat(shapes(plan)).containsExactly("0:0-23 1:24-39", "2:0-23 3:24-39");

        assertThat(LayerPlan.of(HALF, devices(24, 24), List.of(20, 10), false).problem())
                .isEqualTo("layers per device [20, 10] make 30, but this model has 40");
        assertThat(LayerPlan.of(HALF, devices(24, 24, 24), List.of(20, 20), false).problem())
                .isEqualTo(
                        "layers were given for 2 devices, but there are 3; give as many devices, or"
                                + " a multiple of it, or leave out the layers");
        LayerPlan narrow = LayerPlan.of(HALF, devices(24, 24), List.of(39, 1), false);
        assertThat(narrow.problem())
                .matches(
                        "device 0 \\(Test GPU\\) is too small for layers 0 to 38: they and what goes"
                                + " with them take 2\\d\\.\\d\\d GiB, but it has 24.00 GiB");
        assertThat(narrow.isWrong()).as("more memory would help").isFalse();
    }

    @Test
    void aDeviceThatIsListedTwiceIsDivided() {
        Device large = device(0, 80, "Test GPU");
        LayerPlan two = LayerPlan.of(HALF, List.of(large, large), List.of(), false);
        assertThat(shapes(two)).containsExactly("0:0-39", "0:0-39");
        LayerPlan halves = LayerPlan.of(HALF, List.of(large, large), List.of(20, 20), false);
        assertThat(shapes(halves)).containsExactly("0:0-19 0:20-39");
        Device small = device(0, 30, "Test GPU");
        assertThat(shapes(LayerPlan.of(HALF, List.of(small, small), List.of(), false)))
                .as("each half is too small for a copy")
                .containsExactly("0:0-19 0:20-39");
    }

    @Test
    void layersAreOffloadedWhereNothingElseHelps() {
        List<Device> one = devices(12);
        assertThat(LayerPlan.of(HALF, one, List.of(), false).problem()).contains("12.00 GiB");
        LayerPlan plan = LayerPlan.of(HALF, one, List.of(), true);
        Shard shard = plan.copies().get(0).shards().get(0);

        int resident = shard.layers() - shard.offloaded();
        assertThat(shard.layers()).isEqualTo(40);
        assertThat(resident).isBetween(10, 20);
        assertThat(HALF.shard(resident + ModelMemory.STREAMING, true, true) + ModelMemory.RESERVE)
                .isLessThanOrEqualTo(12L << 30);
        assertThat(HALF.shard(resident + 3, true, true) + ModelMemory.RESERVE)
                .isGreaterThan(12L << 30);
        assertThat(shapes(LayerPlan.of(HALF, devices(24, 24), List.of(), true)))
                .as("two devices hold it")
                .containsExactly("0:0-19 1:20-39");
        assertThat(LayerPlan.of(HALF, devices(2), List.of(), true).problem()).isNotNull();
    }

    @Test
    void offloadedLayersAreSpreadEvenly() {
        Shard shard = new Shard(device(0, 8, "Test GPU"), 0, 40, 13);
        List<Integer> offloaded = new ArrayList<>();
        for (int n = 0; n < 40; n++) {
            if (shard.isOffloaded(n)) {
                offloaded.add(n);
            }
        }

        assertThat(offloaded).hasSize(13).last().isEqualTo(39);
        for (int n = 1; n < offloaded.size(); n++) {
            assertThat(offloaded.get(n) - offloaded.get(n - 1)).isBetween(3, 4);
        }
    }

    /** Every copy must compute the same bits. */
    @Test
    void oneKindIsTakenUnlessDevicesWereAskedFor() {
        List<Device> mixed = List.of(device(0, 80, "A"), device(1, 141, "B"), device(2, 141, "B"));

        LayerPlan any = LayerPlan.ofAny(HALF, mixed, List.of(), false);
        assertThat(shapes(any)).containsExactly("1:0-39", "2:0-39");
        assertThat(any.unused()).extracting(Device::ordinal).containsExactly(0);
        LayerPlan asked = LayerPlan.of(HALF, mixed, List.of(), false);
        assertThat(asked.copies()).hasSize(3);
        assertThat(asked.isMixed()).isTrue();
        List<Device> small = List.of(device(0, 24, "A"), device(1, 16, "B"));
        assertThat(LayerPlan.ofAny(HALF, small, List.of(), false).copies())
                .as("one copy has the same bits every time")
                .hasSize(1);
    }

    @Test
    void theOnlyCopyOnSeveralKindsIsTheBest() {
        List<Device> kinds =
                List.of(
                        device(0, 5, "A"),
                        device(1, 24, "B"),
                        device(2, 5, "C"),
                        device(3, 24, "D"));
        assertThat(plan(HALF, kinds).copies()).hasSize(2);
        LayerPlan any = LayerPlan.ofAny(HALF, kinds, List.of(), false);
        assertThat(shapes(any)).containsExactly("1:0-19 3:20-39");
        assertThat(any.unused()).extracting(Device::ordinal).containsExactly(0, 2);
        List<Device> many = new ArrayList<>();
        for (int n = 0; n < 40; n++) {
            many.add(device(n, 24, "kind " + n));
        }
        assertThat(shapes(LayerPlan.ofAny(HALF, many, List.of(), false)))
                .containsExactly("0:0-19 1:20-39");
        assertThat(shapes(LayerPlan.ofAny(HALF, kinds, List.of(5, 35), false)))
                .as("the first of the shape asked for")
                .containsExactly("0:0-4 1:5-39");
    }

    @Test
    void copiesAreMixedWhereSomeLayerIsComputedByAnotherKind() {
        LayerPlan one = plan(HALF, devices(80, 20, 20));
        assertThat(shapes(one)).containsExactly("0:0-39", "1:0-19 2:20-39");
        assertThat(one.isMixed()).as("how it is divided changes no bits").isFalse();

        List<Device> alike =
                List.of(
                        device(0, 24, "A"),
                        device(1, 24, "B"),
                        device(2, 24, "A"),
                        device(3, 24, "B"));
        assertThat(LayerPlan.of(HALF, alike, List.of(20, 20), false).isMixed()).isFalse();
        List<Device> crossed = List.of(alike.get(0), alike.get(1), alike.get(3), alike.get(2));
        assertThat(LayerPlan.of(HALF, crossed, List.of(20, 20), false).isMixed()).isTrue();
        List<Device> shifted = List.of(alike.get(0), alike.get(1), device(2, 80, "A"));
        assertThat(plan(HALF, shifted).isMixed()).isTrue();
    }

    /** Somebody else may use one of them. */
    @Test
    void whatIsTooSmallForItsPartIsPassedBy() {
        List<Device> one = devices(6, 24, 24, 6, 24);
        LayerPlan plan = LayerPlan.ofAny(HALF, one, List.of(20, 20), false);
        assertThat(shapes(plan)).containsExactly("1:0-19 2:20-39");
        assertThat(plan.unused()).extracting(Device::ordinal).containsExactly(0, 3, 4);

        assertThat(LayerPlan.of(HALF, devices(6, 24, 24, 24), List.of(20, 20), false).problem())
                .as("but not if it was asked for")
                .startsWith("device 0 (Test GPU) is too small for layers 0 to 19");
        LayerPlan none = LayerPlan.ofAny(HALF, devices(6, 24, 6), List.of(20, 20), false);
        assertThat(none.problem())
                .startsWith("device 2 (Test GPU) is too small for layers 20 to 39");
        assertThat(none.isWrong()).isFalse();
    }

    @Test
    void whatIsLeftOverIsNotUsed() {
        LayerPlan plan = LayerPlan.ofAny(HALF, devices(80, 80, 80), List.of(20, 20), false);
        assertThat(shapes(plan)).containsExactly("0:0-19 1:20-39");
        assertThat(plan.unused()).extracting(Device::ordinal).containsExactly(2);
    }

    @Test
    void saysWhatIsWhere() {
        assertThat(plan(HALF, devices(24, 24)).lines(HALF))
                .containsExactly(
                        "device 0 (Test GPU): layers 0 to 19 in 13.55 GiB of its 24.00 GiB",
                        "device 1 (Test GPU): layers 20 to 39 in 12.94 GiB of its 24.00 GiB");
        assertThat(LayerPlan.of(HALF, devices(12), List.of(), true).lines(HALF))
                .singleElement()
                .asString()
                .matches(
                        "device 0 \\(Test GPU\\): layers 0 to 39 \\(\\d\\d of them are sent for each"
                                + " batch\\) in 1[12]\\.\\d\\d GiB of its 12.00 GiB");
    }

    @Test
    void saysWhatIsTooSmall() {
        assertThat(plan(HALF, devices(24)).problem())
                .isEqualTo(
                        "device 0 (Test GPU) is too small: 24.10 GiB of weights, 0.59 GiB for batches"
                                + " of 4096 tokens and 0.53 GiB for CUDA itself make 25.22 GiB, but it"
                                + " has 24.00 GiB");
        assertThat(plan(HALF, devices(8, 6)).problem())
                .startsWith("even together device 0 (Test GPU), device 1 (Test GPU) are too small:")
                .endsWith("and all but the weights on each, but they have 8.00 GiB, 6.00 GiB");
    }

    @Test
    void saysHowLargeADeviceIsThatIsListedTwice() {
        Device device = device(0, 24, "Test GPU");
        assertThat(plan(HALF, List.of(device, device)).problem())
                .startsWith("device 0 (Test GPU) in 2 parts is too small: 24.10 GiB of weights, ")
                .endsWith("and all but the weights for each part, but it has 24.00 GiB");
        assertThat(plan(HALF, List.of(device, device(1, 4, "Test GPU"), device)).problem())
                .startsWith(
                        "even together device 0 (Test GPU) in 2 parts, device 1 (Test GPU) are too"
                                + " small: ")
                .endsWith("and all but the weights on each, but they have 24.00 GiB, 4.00 GiB");
        assertThat(LayerPlan.of(HALF, List.of(device, device), List.of(20, 20), false).problem())
                .as("without the 0.5 GiB of the driver, as its part is")
                .isEqualTo(
                        "device 0 (Test GPU) is too small for layers 0 to 19: they and what goes with"
                                + " them take 13.05 GiB, but each of 2 parts of its 24.00 GiB has"
                                + " 11.75 GiB");
        Device large = device(0, 80, "Test GPU");
        assertThat(plan(HALF, List.of(large, large)).lines(HALF))
                .allMatch(line -> line.endsWith("layers 0 to 39 in 25.22 GiB of its 80.00 GiB"));
    }

    @Test
    void saysWhatMustFitWhereLayersAreOffloaded() {
        String least =
                "2 of 40 layers with the embedding, batches of 4096 tokens and CUDA itself take"
                        + " 2.90 GiB";
        Device device = device(0, 2, "Test GPU");
        assertThat(LayerPlan.of(HALF, List.of(device), List.of(), true).problem())
                .isEqualTo(
                        "device 0 (Test GPU) is too small even to offload layers: "
                                + least
                                + ", but it has 2.00 GiB");
        assertThat(LayerPlan.of(HALF, List.of(device, device), List.of(), true).problem())
                .isEqualTo(
                        "device 0 (Test GPU) in 2 parts is too small even to offload layers: "
                                + least
                                + " for each part, but it has 2.00 GiB");
        assertThat(LayerPlan.of(HALF, devices(2, 1), List.of(), true).problem())
                .isEqualTo(
                        "device 0 (Test GPU), device 1 (Test GPU) are each too small even to offload"
                                + " layers: "
                                + least
                                + ", but they have 2.00 GiB, 1.00 GiB");
        assertThat(LayerPlan.of(HALF, devices(24, 2), List.of(20, 20), true).problem())
                .isEqualTo(
                        "device 1 (Test GPU) is too small for layers 20 to 39, even offloaded: 2 of"
                                + " them at a time and what goes with them take 2.37 GiB, but it has"
                                + " 2.00 GiB");
        assertThat(LayerPlan.of(HALF, devices(24, 2), List.of(38, 2), true).problem())
                .startsWith("device 1 (Test GPU) is too small for layers 38 to 39: they and ");
    }

    @Test
    void itsSummarySaysHowManyLayersAreOffloaded() {
        assertThat(plan(HALF, devices(80)).summary()).isEqualTo("device 0 (Test GPU)");
        assertThat(plan(HALF, devices(80, 24, 24)).summary())
                .isEqualTo("2 copies of the model on devices 0, 1+2 (Test GPU)");
        assertThat(LayerPlan.of(HALF, devices(12), List.of(), true).summary())
                .matches("device 0 \\(Test GPU\\), \\d\\d of 40 layers offloaded");
        assertThat(LayerPlan.of(HALF, devices(12, 12), List.of(40), true).summary())
                .matches(
                        "2 copies of the model on devices 0, 1 \\(Test GPU\\), \\d\\d of 40 layers"
                                + " offloaded");
        LayerPlan unlike = LayerPlan.of(HALF, devices(4, 6), List.of(), true);
        assertThat(unlike.summary())
                .matches(
                        "2 copies of the model on devices 0, 1 \\(Test GPU\\), \\d\\d to \\d\\d of 40"
                                + " layers offloaded");
        assertThat(LayerPlan.of(HALF, devices(24, 6), List.of(20, 20), true).summary())
                .matches(
                        "one copy of the model on devices 0\\+1 \\(Test GPU\\), \\d\\d of 40 layers"
                                + " offloaded");
    }

    /** Whatever the devices, what is planned fits, and every layer is where it should be. */
    @Test
    void plansFit() {
        Random random = new Random(7);
        int planned = 0;
        for (int round = 0; round < 500; round++) {
            Device[] devices = new Device[1 + random.nextInt(8)];
            Arrays.setAll(devices, n -> device(n, 2 + random.nextInt(40), "Test GPU"));
            boolean offload = random.nextBoolean();
            LayerPlan plan = LayerPlan.of(HALF, List.of(devices), List.of(), offload);
            if (plan.problem() == null) {
                planned++;
                requireFitting(HALF, plan);
            }
        }
        assertThat(planned).isGreaterThan(300);
    }

    private static void requireFitting(ModelMemory memory, LayerPlan plan) {
        List<Integer> used = new ArrayList<>();
        for (LayerPlan.Copy copy : plan.copies()) {
            int next = 0;
            for (Shard shard : copy.shards()) {
                long bytes = memory.shard(shard.held(), next == 0, copy.shards().size() == 1);
                assertThat(bytes).as("%s", shard).isLessThanOrEqualTo(shard.device().usable());
                assertThat(shard.firstLayer()).isEqualTo(next);
                assertThat(shard.layers()).isPositive();
                next += shard.layers();
                used.add(shard.device().ordinal());
            }
            assertThat(next).isEqualTo(memory.layers());
        }
        assertThat(used).doesNotHaveDuplicates();
    }

    private static LayerPlan plan(ModelMemory memory, List<Device> devices) {
        return LayerPlan.of(memory, devices, List.of(), false);
    }

    private static List<String> shapes(LayerPlan plan) {
        return plan.copies().stream()
                .map(
                        copy ->
                                String.join(
                                        " ",
                                        copy.shards().stream().map(LayerPlanTest::shape).toList()))
                .toList();
    }

    private static String shape(Shard shard) {
        int last = shard.firstLayer() + shard.layers() - 1;
        return "%d:%d-%d".formatted(shard.device().ordinal(), shard.firstLayer(), last);
    }

    private static List<String> ordinals(LayerPlan plan) {
        return shapes(plan).stream()
                .map(shape -> shape.replaceAll(":\\S+", "").replace(' ', '+'))
                .toList();
    }

    private static List<Device> quarters(int... quarters) {
        List<Device> devices = new ArrayList<>();
        for (int bytes : quarters) {
            int ordinal = devices.size();
            String label = "device %d (Test GPU)".formatted(ordinal);
            devices.add(new Device(ordinal, label, "Test GPU", (long) bytes << 28));
        }
        return devices;
    }

    private static List<Device> devices(int... gib) {
        List<Device> devices = new ArrayList<>();
        for (int bytes : gib) {
            devices.add(device(devices.size(), bytes, "Test GPU"));
        }
        return devices;
    }

    private static Device device(int ordinal, long gib, String kind) {
        return new Device(ordinal, "device %d (Test GPU)".formatted(ordinal), kind, gib << 30);
    }

    private static ModelMemory memory(WeightForm form) {
        return ModelMemory.of(
                ModelMemoryTest.BAICHUAN_13B, GemmChoice.cublasInBlocks(), form, 4096);
    }
}
