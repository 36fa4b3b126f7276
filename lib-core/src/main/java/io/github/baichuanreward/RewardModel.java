package io.github.baichuanreward;

import io.github.baichuanreward.backend.Backend;
import io.github.baichuanreward.backend.BackendChoice;
import io.github.baichuanreward.backend.BackendException;
import io.github.baichuanreward.batch.PackedBatch;
import io.github.baichuanreward.checkpoint.CheckpointException;
import io.github.baichuanreward.model.BaichuanConfig;
import io.github.baichuanreward.model.BaichuanWeights;
import io.github.baichuanreward.model.RandomModel;
import io.github.baichuanreward.text.EncodedAnswer;
import io.github.baichuanreward.text.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.IntStream;
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
 * <p>Safe for use by many threads: texts are encoded at the same time, batches are computed one
 * after another. Holds the weights and some threads until {@link #close}.
 */
public final class RewardModel implements AutoCloseable {

    private final @Nullable Path directory;
    private final BaichuanConfig config;
    private final ScoringOptions scoring;
    private final Backend backend;

    /** Fair, or a caller's long list would keep the others waiting, and {@link #close} too. */
    private final ReentrantLock lock = new ReentrantLock(true);

    private volatile boolean closed;
    private volatile @Nullable Tokenizer tokenizer;

    private RewardModel(
            @Nullable Path directory,
            BaichuanConfig config,
            ScoringOptions scoring,
            Backend backend) {
        this.directory = directory;
        this.config = config;
        this.scoring = scoring;
        this.backend = backend;
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
     * @throws BackendException if the device fails; this model is then unusable and must be closed
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
     * @throws BackendException if the device fails; this model is then unusable and must be closed
     */
    public List<Score> score(List<PromptAnswer> items) {
        List<int[]> sequences = new ArrayList<>(items.size());
        boolean[] truncated = new boolean[items.size()];
        for (int i = 0; i < items.size(); i++) {
            EncodedAnswer encoded = encodeItem(i, items.get(i));
            sequences.add(encoded.ids());
            truncated[i] = encoded.truncated();
        }
        return scores(sequences, truncated);
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
     * @throws BackendException if the device fails; this model is then unusable and must be closed
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
     * @throws BackendException if the device fails; this model is then unusable and must be closed
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
     * @throws BackendException if the device fails; this model is then unusable and must be closed
     */
    public List<Score> scoreIds(List<int[]> sequences) {
        for (int i = 0; i < sequences.size(); i++) {
            requireIds(i, sequences.get(i));
        }
        return scores(sequences, new boolean[sequences.size()]);
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
        return encodeItem(0, item).ids();
    }

    /** Most tokens of one batch: lists are computed in pieces of about this size. */
    public int batchTokens() {
        return backend.batchTokens();
    }

    /** Where this model runs and how, in one line for people. */
    public String backend() {
        return backend.description();
    }

    /**
     * Frees what this model holds, after the batch that is being computed. A second call does
     * nothing; every other method then throws {@link IllegalStateException}.
     */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
            Tokenizer loaded = tokenizer;
            if (loaded != null) {
                loaded.close();
            }
            backend.close();
        } finally {
            lock.unlock();
        }
    }

    private static RewardModel open(
            @Nullable Path directory, BaichuanWeights weights, LoadOptions options)
            throws IOException {
        Backend backend = BackendChoice.of(options.backend(), options.request(weights)).open();
        return new RewardModel(directory, weights.config(), options.scoring(), backend);
    }

    private EncodedAnswer encodeItem(int index, PromptAnswer item) {
        requireItem(index, item);
        List<String> dialogue = new ArrayList<>(2 * item.history().size() + 1);
        for (PromptAnswer.Turn turn : item.history()) {
            dialogue.add(turn.prompt());
            dialogue.add(turn.answer());
        }
        dialogue.add(item.prompt());
        EncodedAnswer encoded;
        try {
            encoded =
                    scoring.template()
                            .encode(
                                    tokenizer(),
                                    dialogue,
                                    item.answer(),
                                    scoring.maxSourceLength(),
                                    scoring.maxTargetLength());
        } catch (IllegalArgumentException e) {
            throw new ItemException(index, e);
        }
        requireLength(index, encoded.ids().length, encoded.promptTokens());
        return encoded;
    }

    private void requireIds(int index, int[] ids) {
        requireItem(index, ids);
        if (ids.length == 0) {
            throw new ItemException(index, "no token ids; there is nothing to score");
        }
        if (ids.length > config.maxLength()) {
            throw new ItemException(
                    index,
                    "%d tokens; the model allows %d (model_max_length)"
                            .formatted(ids.length, config.maxLength()));
        }
        for (int t = 0; t < ids.length; t++) {
            if (ids[t] < 0 || ids[t] >= config.vocabulary()) {
                throw new ItemException(
                        index,
                        "id %d at position %d is outside the vocabulary of %d"
                                .formatted(ids[t], t, config.vocabulary()));
            }
        }
    }

    private static void requireItem(int index, @Nullable Object item) {
        if (item == null) {
            throw new ItemException(index, "is null");
        }
    }

    private void requireLength(int index, int tokens, int promptTokens) {
        if (tokens > config.maxLength()) {
            // A template that encodes both as one string does not know where the answer begins.
            String parts =
                    promptTokens == 0
                            ? ""
                            : " (prompt %d, answer %d)"
                                    .formatted(promptTokens, tokens - promptTokens);
            throw new ItemException(
                    index,
                    ("%d tokens%s; the model allows %d (model_max_length). Shorten it, or set"
                                    + " max_source_length and max_target_length to have it cut")
                            .formatted(tokens, parts, config.maxLength()));
        }
    }

    private List<Score> scores(List<int[]> sequences, boolean[] truncated) {
        requireOpen();
        float[] rewards = new float[sequences.size()];
        for (PackedBatch batch : PackedBatch.pack(sequences, backend.batchTokens())) {
            batch.scatter(rewards, compute(batch));
        }
        List<Score> scores = new ArrayList<>(rewards.length);
        for (int i = 0; i < rewards.length; i++) {
            if (!Float.isFinite(rewards[i])) {
                throw new ItemException(
                        i,
                        ("the reward is %s: the weights hold numbers that are not finite, or they"
                                        + " overflow in this precision (%s; bfloat16 and float32"
                                        + " reach further than float16)")
                                .formatted(rewards[i], backend.description()));
            }
            scores.add(new Score(rewards[i], sequences.get(i).length, truncated[i]));
        }
        return scores;
    }

    private float[] compute(PackedBatch batch) {
        lock.lock();
        try {
            requireOpen();
            return backend.score(batch);
        } finally {
            lock.unlock();
        }
    }

    /** Loads the tokenizer with the first text; rows of ids are scored without one. */
    private Tokenizer tokenizer() {
        requireOpen();
        Tokenizer loaded = tokenizer;
        if (loaded != null) {
            return loaded;
        }
        lock.lock();
        try {
            requireOpen();
            if (tokenizer == null) {
                tokenizer = TokenizerFile.load(directory, config);
            }
            return Objects.requireNonNull(tokenizer);
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        } finally {
            lock.unlock();
        }
    }

    private static double preference(Score first, Score second) {
        return 1 / (1 + Math.exp((double) second.reward() - first.reward()));
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this RewardModel is closed");
        }
    }
}
