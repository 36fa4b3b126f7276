package io.github.baichuanreward;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendChoice;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.RandomModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;

/**
 * Scores how good an answer to a prompt is, with a Baichuan-13B reward model.
 *
 * <pre>{@code
 * try (RewardModel model = RewardModel.load(Path.of("/models/rw_helpful_13b_wpack"))) {
 *     float reward = model.score("Name a prime above 10.", "11");
 * }
 * }</pre>
 *
 * <p>A reward has no unit and no bounds; compare rewards of answers to the same prompt only. It
 * depends on nothing but the model, the item and the kind of device: the same item has the same
 * bits alone, in any batch and in any order.
 *
 * <p>Safe for use by many threads. Each encodes its own texts; what all of them ask for is computed
 * together, in batches of about {@link #batchTokens} tokens: one after another, or, where several
 * GPUs can, several at a time. Items that begin with the same ids, as answers to one prompt do, are
 * found and their common beginning is computed once. Callers get their turns by tokens: one answer
 * does not wait for another's long list to end, but for one of the batches that are being computed
 * and, where many ask, its share of the next. Each call is a caller of its own; {@code scoreAsync}
 * counts by threads. A lone request begins at once; right after a batch of several callers it may
 * wait for up to a millisecond, for them to come back.
 *
 * <p>A thread that waits for scores can be interrupted: it gets a {@link CancellationException} and
 * stays interrupted. What it had asked for is not computed, if it was not yet begun.
 *
 * <p>A device that fails ends in a {@link BackendException}. Where there are copies of the model on
 * others, they take over what the failed one had, and callers get it only for what was on two
 * copies that failed; the model goes on. Where no copy is left, every further call throws it: close
 * this and load the model again, or end the process where the message says so.
 *
 * <p>Holds the weights and some threads until {@link #close}.
 */
public final class RewardModel implements AutoCloseable {

    static final String CLOSED = "this RewardModel is closed";

    private final Backend backend;
    private final ItemEncoder encoder;
    private final ScoringQueue queue;
    private final AsyncScores async;
    private volatile boolean closed;

    private RewardModel(Backend backend, ItemEncoder encoder) {
        this.backend = backend;
        this.encoder = encoder;
        this.queue = new ScoringQueue(backend);
        this.async = new AsyncScores(queue, backend.description());
    }

    /**
     * Loads a model with {@link LoadOptions#defaults}.
     *
     * @see #load(Path, LoadOptions)
     */
    public static RewardModel load(Path directory) throws IOException {
        return load(directory, LoadOptions.defaults());
    }

    /**
     * Loads a model directory in the layout of Hugging Face: {@code config.json}, weights
     * (safetensors or PyTorch, one file or shards), a value head among them or in a file of its
     * own, and {@code tokenizer.model}, which is read with the first text.
     *
     * @throws CheckpointException if a file is missing or damaged, if tensors are missing or
     *     misshaped, or if there is no value head; names all of them at once
     * @throws IOException if a file cannot be read
     * @throws BackendException if the chosen backend is not there or the model does not fit; names
     *     the reason and the remedy
     */
    public static RewardModel load(Path directory, LoadOptions options) throws IOException {
        return open(directory, BaichuanWeights.open(directory, options.adapters()), options);
    }

    /**
     * Makes a model of random weights, to measure how fast its shape is here. Its rewards mean
     * nothing, and it has no tokenizer: use {@link #scoreIds}.
     *
     * <p>The weights share a temporary file (1.0 GB for Baichuan-13B), deleted before this returns.
     * A CPU's caches hold more of it than of a real model, as {@link ModelShape#write} makes it.
     *
     * @throws IllegalArgumentException if there are adapters
     * @throws IOException if the temporary folder has too little room
     */
    public static RewardModel random(ModelShape shape, LoadOptions options) throws IOException {
        try (RandomModel made = shape.make(options)) {
            return open(null, made.weights(), options);
        }
    }

    /**
     * Scores one answer.
     *
     * @return the reward; finite
     * @throws IllegalArgumentException as {@link #score(List)} for item 0
     * @throws IllegalStateException if this model is closed
     * @throws UncheckedIOException if {@code tokenizer.model} is missing, damaged or another
     *     model's
     * @throws BackendException if a device fails, as the class says
     */
    public float score(String prompt, String answer) {
        return score(List.of(new PromptAnswer(prompt, answer))).get(0).reward();
    }

    /**
     * Scores every item, in the order given.
     *
     * @param items answers with their prompts; may be empty
     * @return one score an item
     * @throws ItemException if an item is null, has an empty answer, is longer than the model
     *     allows (names both lengths), is not valid Unicode, does not go with the template, or has
     *     no finite reward
     * @throws IllegalStateException if this model is closed
     * @throws UncheckedIOException if {@code tokenizer.model} is missing, damaged or another
     *     model's
     * @throws BackendException if a device fails, as the class says
     */
    public List<Score> score(List<PromptAnswer> items) {
        return scores(items, encoder::encode);
    }

    /**
     * Puts answers to one prompt in order, the best first.
     *
     * <p>Answers of equal reward keep the order in which they were given.
     *
     * @param prompt what all answers answer
     * @param answers at least one
     * @return one entry for each answer
     * @throws IllegalArgumentException if there are no answers
     * @throws ItemException as {@link #score(List)}; the item is the answer's place
     * @throws IllegalStateException if this model is closed
     * @throws UncheckedIOException if {@code tokenizer.model} is missing, damaged or another
     *     model's
     * @throws BackendException if a device fails, as the class says
     */
    public List<RankedAnswer> rank(String prompt, List<String> answers) {
        if (answers.isEmpty()) {
            throw new IllegalArgumentException("no answers to rank");
        }
        List<Score> scores = score(answers.stream().map(a -> new PromptAnswer(prompt, a)).toList());
        List<Integer> order =
                IntStream.range(0, answers.size())
                        .boxed()
                        .sorted(Comparator.comparing(i -> -scores.get(i).reward()))
                        .toList();
        List<RankedAnswer> ranked = new ArrayList<>(answers.size());
        for (int place = 0; place < order.size(); place++) {
            int index = order.get(place);
            Score score = scores.get(index);
            double beatsNext =
                    place + 1 == order.size()
                            ? Double.NaN
                            : preference(score, scores.get(order.get(place + 1)));
            ranked.add(new RankedAnswer(answers.get(index), index, score, beatsNext));
        }
        return List.copyOf(ranked);
    }

    /**
     * Says how likely the first answer is the better one: {@code 1 / (1 + exp(second - first))} of
     * their rewards.
     *
     * <p>That is the probability whose logarithm the model was trained to raise for the better
     * answers of its training pairs (Bradley and Terry's model; Llama 2, section 3.2.2).
     *
     * @return between 0 and 1; 0.5 for equal rewards
     * @throws IllegalArgumentException as {@link #score(List)}; the first answer is item 0
     * @throws IllegalStateException if this model is closed
     * @throws UncheckedIOException if {@code tokenizer.model} is missing, damaged or another
     *     model's
     * @throws BackendException if a device fails, as the class says
     */
    public double compare(String prompt, String first, String second) {
        List<Score> scores =
                score(List.of(new PromptAnswer(prompt, first), new PromptAnswer(prompt, second)));
        return preference(scores.get(0), scores.get(1));
    }

    /**
     * Scores sequences of token ids as they are, each at its last id, whatever that is. Needs no
     * tokenizer.
     *
     * @param sequences ids of the model's vocabulary, each sequence with at least one; the arrays
     *     are not changed
     * @return one score a sequence, in the order given
     * @throws ItemException if a sequence is null, empty, longer than the model allows, holds an id
     *     outside the vocabulary, or has no finite reward
     * @throws IllegalStateException if this model is closed
     * @throws BackendException if a device fails, as the class says
     */
    public List<Score> scoreIds(List<int[]> sequences) {
        return scores(sequences, encoder::check);
    }

    /**
     * Scores a stream of items, however many, in constant memory: reads some of them ahead, up to
     * 16 batches (or 4 for each that is computed at a time, if that is more), while those before
     * are computed.
     *
     * <pre>{@code
     * try (Stream<Score> scores = model.score(items)) {
     *     scores.forEach(...);
     * }
     * }</pre>
     *
     * @param items read by the thread that takes the scores, and closed with them
     * @return the scores in the order of the items; taking one throws what {@link #score(List)}
     *     throws, an {@link ItemException} after the scores of the items before. Close it if it is
     *     not taken to its end, so that nothing more is computed for it
     * @throws IllegalStateException if this model is closed
     */
    public Stream<Score> score(Stream<PromptAnswer> items) {
        return scores(items, encoder::encode);
    }

    /**
     * Scores a stream of sequences of token ids, as {@link #score(Stream)} and {@link #scoreIds}.
     *
     * @throws IllegalStateException if this model is closed
     */
    public Stream<Score> scoreIds(Stream<int[]> sequences) {
        return scores(sequences, encoder::check);
    }

    /**
     * Scores one answer in the background.
     *
     * @see #scoreAsync(List)
     */
    public CompletableFuture<Score> scoreAsync(String prompt, String answer) {
        return scoreAsync(List.of(new PromptAnswer(prompt, answer))).get(0);
    }

    /**
     * Scores items in the background. Returns when their texts are encoded, and not before there is
     * room for them: while 64 batches (or 16 for each that is computed at a time, if that is more)
     * are outstanding, whose futures are not completed, this waits.
     *
     * <p>Futures are completed by a thread of this model. What depends on them should be short, or
     * go elsewhere ({@link CompletableFuture#thenApplyAsync}): it holds up other futures, though
     * not the device, and must never wait for another future of this model. Cancelling a future
     * takes its item back, if it is not yet being computed.
     *
     * @return a future for each item, in their order; each fails for itself, with what {@link
     *     #score(List)} throws, which includes {@link IllegalStateException} when this model is
     *     closed first, or {@link CancellationException} if this thread is interrupted while it
     *     waits
     */
    public List<CompletableFuture<Score>> scoreAsync(List<PromptAnswer> items) {
        return async.ask(items, encoder::encode);
    }

    /**
     * Scores sequences of token ids in the background, as {@link #scoreAsync(List)} and {@link
     * #scoreIds(List)}.
     */
    public List<CompletableFuture<Score>> scoreIdsAsync(List<int[]> sequences) {
        return async.ask(sequences, encoder::check);
    }

    /** Has a listener told of every batch from now on. */
    public void addListener(ScoringListener listener) {
        queue.addListener(listener);
    }

    /**
     * The token ids that {@link #score(List)} would score.
     *
     * @throws ItemException as {@link #score(List)} for item 0
     * @throws IllegalStateException if this model is closed
     * @throws UncheckedIOException if {@code tokenizer.model} is missing, damaged or another
     *     model's
     */
    public int[] encode(PromptAnswer item) {
        requireOpen();
        return encoder.encode(0, item).ids();
    }

    /**
     * Most tokens of one batch: what is asked for is computed in pieces of about this size. A CPU
     * takes sequences that share a long prefix in larger ones, where it chose the size itself.
     */
    public int batchTokens() {
        return backend.batchTokens();
    }

    /** Where this model runs and how, in one line for people. */
    public String backend() {
        return backend.description();
    }

    /**
     * Frees what this model holds, after the batches that are being computed. Who waits for others
     * gets an {@link IllegalStateException}, as everyone does who asks for a score from then on, in
     * futures where there are any. A second call only waits for the first.
     */
    @Override
    public void close() {
        closed = true;
        encoder.close();
        try {
            queue.close();
        } finally {
            async.close();
        }
    }

    private static RewardModel open(
            @Nullable Path directory, BaichuanWeights weights, LoadOptions options)
            throws IOException {
        Backend backend = BackendChoice.of(options.backend(), options.request(weights)).open();
        return new RewardModel(
                backend, new ItemEncoder(directory, weights.config(), options.scoring()));
    }

    private <T> List<Score> scores(List<? extends T> items, OrderedScores.Encoder<T> encoder) {
        requireOpen();
        List<Score> scores = new ArrayList<>(items.size());
        try (OrderedScores<T> ordered =
                new OrderedScores<>(items.iterator(), encoder, queue, backend(), false)) {
            ordered.forEachRemaining(scores::add);
        }
        return scores;
    }

    private <T> Stream<Score> scores(Stream<? extends T> items, OrderedScores.Encoder<T> encoder) {
        requireOpen();
        OrderedScores<T> ordered =
                new OrderedScores<>(items.iterator(), encoder, queue, backend(), true);
        int characteristics = Spliterator.ORDERED | Spliterator.NONNULL;
        return StreamSupport.stream(
                        Spliterators.spliteratorUnknownSize(ordered, characteristics), false)
                .onClose(ordered::close)
                .onClose(items::close);
    }

    private static double preference(Score first, Score second) {
        return 1 / (1 + Math.exp((double) second.reward() - first.reward()));
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(CLOSED);
        }
    }
}
