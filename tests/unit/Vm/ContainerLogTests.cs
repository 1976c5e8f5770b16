using System.Text;
using Berth.Plugins.Vm;
using Xunit;

namespace Berth.Tests.Unit.Vm;

/// <summary>A log that is exactly what the container wrote, wherever its writer was killed.</summary>
public sealed class ContainerLogTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Log => Path.Combine(_folder.Path, "0.log");

    private string Position => Path.Combine(_folder.Path, "position");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Append_OfChunks_IsCriLines()
    {
        using (var log = ContainerLog.Create(Log, Position, TimeProvider.System))
        {
            log.Append(false, 0, "one\ntw"u8.ToArray());
            log.Append(true, 0, "bad\n"u8.ToArray());
            log.Append(false, 6, "o\n"u8.ToArray());
        }

        Assert.Equal(["stdout F one", "stdout P tw", "stderr F bad", "stdout F o"], Contents(Log));
    }

    [Fact]
    public void Append_OfWhatIsKnown_WritesOnlyTheRest()
    {
        using (var log = ContainerLog.Create(Log, Position, TimeProvider.System))
        {
            log.Append(false, 0, "one\n"u8.ToArray());
            log.Append(false, 0, "one\n"u8.ToArray());
            log.Append(false, 0, "one\ntwo\n"u8.ToArray());
            Assert.Equal(8, log.Stdout);
        }

        Assert.Equal(["stdout F one", "stdout F two"], Contents(Log));
    }

    [Fact]
    public void Open_AfterADeathBetweenLogAndPosition_CountsWhatIsInTheLog()
    {
        var before = Written("one\n", "two\nthree");
        File.WriteAllBytes(Position, before);
        using var log = ContainerLog.Open(Log, Position, TimeProvider.System);
        Assert.Equal(13, log.Stdout);
        log.Append(false, 4, "two\nthree\nfour\n"u8.ToArray());
        Assert.Equal(["stdout F one", "stdout F two", "stdout P three", "stdout F ", "stdout F four"], Contents(Log));
    }

    [Fact]
    public void Open_AfterADeathInTheMiddleOfALine_TakesTheLineBack()
    {
        var before = Written("one\n", "two\n");
        File.WriteAllBytes(Position, before);
        using (var file = File.OpenWrite(Log))
        {
            file.SetLength(file.Length - 2);
        }

        using var log = ContainerLog.Open(Log, Position, TimeProvider.System);
        Assert.Equal(4, log.Stdout);
        log.Append(false, 4, "two\n"u8.ToArray());
        Assert.Equal(["stdout F one", "stdout F two"], Contents(Log));
    }

    [Fact]
    public void Open_AfterTheFileWasRenamed_FindsWhatWasWrittenInIt()
    {
        var before = Written("one\n", "two\n");
        File.WriteAllBytes(Position, before);
        File.Move(Log, Log + ".20261124-170000");
        using var log = ContainerLog.Open(Log, Position, TimeProvider.System);
        log.Append(false, 4, "two\nthree\n"u8.ToArray());
        Assert.Equal(["stdout F three"], Contents(Log));
    }

    [Fact]
    public void Reopen_AfterARotation_GoesOnInTheNewFile()
    {
        using var log = ContainerLog.Create(Log, Position, TimeProvider.System);
        log.Append(false, 0, "one\n"u8.ToArray());
        File.Move(Log, Log + ".1");
        log.Append(false, 4, "two\n"u8.ToArray());
        log.Reopen();
        log.Append(false, 8, "three\n"u8.ToArray());
        Assert.Equal(["stdout F one", "stdout F two"], Contents(Log + ".1"));
        Assert.Equal(["stdout F three"], Contents(Log));
    }

    [Fact]
    public void Append_OfALongLine_IsInPieces()
    {
        using (var log = ContainerLog.Create(Log, Position, TimeProvider.System))
        {
            log.Append(false, 0, Encoding.ASCII.GetBytes(new string('x', 40_000) + "\n"));
        }

        var lines = Contents(Log);
        Assert.Equal([16384, 16384, 7232], lines.Select(static l => l.Length - "stdout F ".Length));
        Assert.Equal(["P", "P", "F"], lines.Select(static l => l.Split(' ')[1]));
        Assert.Equal((40_001L, 0L), (LogLines.Count(File.ReadAllBytes(Log)).Stdout, LogLines.Count(File.ReadAllBytes(Log)).Stderr));
    }

    // Returns the position as it was after the first chunk.
    private byte[] Written(string first, string second)
    {
        using var log = ContainerLog.Create(Log, Position, TimeProvider.System);
        log.Append(false, 0, Encoding.ASCII.GetBytes(first));
        var position = File.ReadAllBytes(Position);
        log.Append(false, first.Length, Encoding.ASCII.GetBytes(second));
        return position;
    }

    private static string[] Contents(string path) => [.. File.ReadAllLines(path).Select(static l => l[(l.IndexOf(' ', StringComparison.Ordinal) + 1)..])];
}
