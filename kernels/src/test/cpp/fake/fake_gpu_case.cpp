#include "fake_gpu_case.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "kernels.h"

namespace fake_gpu {
namespace {

std::string read_file(const std::string& name) {
    std::ifstream file(name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string temporary_file() {
    char name[] = "/tmp/fake_gpu_XXXXXX";
    const int file = mkstemp(name);
    if (file < 0) throw check::Failure("no temporary file");
    close(file);
    return name;
}

// What a process leaves.
struct Ended {
    bool succeeded;
    std::string text, said, reported;  // text: the body's, or why it failed
};

[[noreturn]] void be_child(const std::string& text_file, const std::function<std::string()>& body) {
    bool failed = false;
    std::string text;
    try {
        text = body();
    } catch (const std::exception& e) {
        failed = true;
        text = e.what();
    }
    std::ofstream(text_file) << text;
    exit(failed ? 1 : 0);  // which writes the report
}

Ended run_process(const std::vector<std::string>& environment, const std::function<std::string()>& body) {
    const std::string text = temporary_file(), said = temporary_file(), report = temporary_file();
    const pid_t child = fork();
    if (child == 0) {
        if (freopen(said.c_str(), "w", stderr) == nullptr) _exit(2);
        setenv("FAKE_GPU_REPORT", report.c_str(), 1);
        setenv("FAKE_GPU_SEED", std::to_string(simt::seed).c_str(), 1);
        for (const std::string& setting : environment) putenv(const_cast<char*>(setting.c_str()));
        be_child(text, body);
    }
    int status = 0;
    waitpid(child, &status, 0);
    Ended ended{status == 0, read_file(text), read_file(said), read_file(report)};
    if (!WIFEXITED(status)) ended.text = "killed by signal " + std::to_string(WTERMSIG(status));
    for (const std::string& file : {text, said, report}) unlink(file.c_str());
    return ended;
}

void require_part(const std::string& what, const std::string& expected, const std::string& got) {
    if (expected.empty() ? got.empty() : got.find(expected) != got.npos) return;
    throw check::Failure(what + " is \"" + got + "\", not \"" + expected + "\"");
}

}  // namespace

void run(check::Cases& cases, const std::string& name, const Expected& expected,
        const std::function<std::string()>& body) {
    cases.run(name, [&] {
        const Ended ended = run_process(expected.environment, body);
        check::require(ended.succeeded, ended.text + " " + ended.said);
        require_part("what was said", expected.said, ended.said);
        require_part("the report", expected.reported, ended.reported);
        if (!ended.text.empty()) return ended.text;
        std::string sentence = ended.said.empty() ? ended.reported : ended.said;
        return sentence.empty() ? std::string("as expected") : sentence.substr(0, sentence.find('\n'));
    });
}

int count_seeds(int seeds, const std::function<bool()>& body) {
    int count = 0;
    for (int seed = 1; seed <= seeds; seed++) {
        const Ended ended =
                run_process({"FAKE_GPU_SEED=" + std::to_string(seed)}, [&] { return body() ? "yes" : "no"; });
        check::require(ended.succeeded, ended.text + " " + ended.said);
        count += ended.text == "yes";
    }
    return count;
}

void expect(int expected, int got, const char* call) {
    if (got == expected) return;
    throw check::Failure(std::string(call) + " gives " + std::to_string(got) + ", not " + std::to_string(expected));
}

size_t control(int number) {
    size_t value = 0;
    OK(cuCtxGetLimit(&value, number));
    return value;
}
void set_control(int number, size_t value) { OK(cuCtxSetLimit(number, value)); }

static thread_local void* current = nullptr;

Device::Device(int number) : before_(current), number_(number) {
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, number));
    make_current();
}
void Device::make_current() const {
    OK(cuCtxSetCurrent(context));
    current = context;
}
Device::~Device() {
    cuDevicePrimaryCtxRelease_v2(number_);
    current = before_;
    if (before_ != nullptr) cuCtxSetCurrent(before_);
}

std::string image() { return read_file(PTX); }

int launch_swiglu(const Module& module, Address gated, Address gate_up, int rows, int intermediate, void* stream) {
    void* parameters[] = {&gated, &gate_up, &intermediate};
    const unsigned columns = (intermediate + SWIGLU_COLUMNS - 1) / SWIGLU_COLUMNS;
    return cuLaunchKernel(
            module.function("swiglu_bf16"), rows, columns, 1, SWIGLU_THREADS, 1, 1, 0, stream, parameters, nullptr);
}

}  // namespace fake_gpu
