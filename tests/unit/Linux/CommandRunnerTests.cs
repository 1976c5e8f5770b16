using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class CommandRunnerTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData("exit 0", 0)]
    [InlineData("exit 42", 42)]
    [InlineData("kill -9 $$", 137)]
    [InlineData("kill -15 $$", 143)]
    public async Task RunAsync_Ends_GivesStatusOr128PlusSignal(string script, int expected)
    {
        var result = await Shell(script);
        Assert.Equal(expected, result.ExitCode);
    }

    [Fact]
    public async Task RunAsync_WritesBoth_KeepsThemApart()
    {
        var result = await Shell("echo out; echo err >&2");
        Assert.Equal("out\n", result.OutputText);
        Assert.Equal("err", result.Error);
    }

    [Fact]
    public async Task RunAsync_LongError_KeepsTheTail()
    {
        var result = await Shell("i=0; while [ $i -lt 9000 ]; do echo line-$i >&2; i=$((i+1)); done");
        Assert.EndsWith("line-8999", result.Error, StringComparison.Ordinal);
        Assert.True(result.Error.Length <= 4 * 4096 + 16384);
    }

    [Fact]
    public async Task RunAsync_Input_ReachesTheCommand()
    {
        var input = new byte[1_000_000];
        Random.Shared.NextBytes(input);
        var result = await CommandRunner.RunAsync(new Command { Path = "cat" }, input, 2_000_000, None);
        Assert.Equal(input, result.Output);
    }

    [Fact]
    public async Task RunAsync_CommandIgnoresInput_IsNoFailure()
    {
        var result = await CommandRunner.RunAsync(new Command { Path = "true" }, new byte[1_000_000], 10, None);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task RunAsync_TooMuchOutput_KillsAndFails()
    {
        var failure = await Assert.ThrowsAsync<InvalidDataException>(
            () => CommandRunner.RunAsync(new Command { Path = "yes" }, null, 1000, None));
        Assert.Contains("more than 1000 bytes", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task RunAsync_Cancelled_KillsTheGroup()
    {
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => CommandRunner.RunAsync(new Command { Path = "sh", Arguments = ["-c", "sleep 1000 & wait"] }, null, 1000, cancel.Token));
    }

    [Fact]
    public async Task RunAsync_Environment_IsBuiltFromNothing()
    {
        var result = await CommandRunner.RunAsync(
            new Command { Path = "env", Environment = new Dictionary<string, string> { ["A"] = "b c" } }, null, 10_000, None);
        Assert.Equal(["A=b c", $"PATH={Executable.SearchPath}"], result.OutputText.TrimEnd().Split('\n').Order());
    }

    [Fact]
    public async Task RunAsync_Descriptors_AreOnlyTheStandardThree()
    {
        var result = await Shell("ls /proc/self/fd | wc -l");
        Assert.Equal("4", result.OutputText.Trim()); // 0, 1, 2 and the folder that ls reads
    }

    [Fact]
    public void Start_MissingExecutable_NamesIt()
    {
        var failure = Assert.Throws<LinuxException>(() => ChildProcess.Start(new Command { Path = "no-such-command" }));
        Assert.True(failure.IsNotFound);
        Assert.Contains("no-such-command", failure.Message, StringComparison.Ordinal);
    }

    private static Task<CommandResult> Shell(string script) =>
        CommandRunner.RunAsync(new Command { Path = "sh", Arguments = ["-c", script] }, null, 1 << 20, None);
}
