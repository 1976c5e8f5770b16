using System.Text;
using Berth.Abstractions;
using Berth.Remoting.Client;
using Berth.Remoting.Wire;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Remoting;

/// <summary>What a plugin in a process of its own may answer.</summary>
public sealed class AnswerChecksTests
{
    private static readonly WireAnswer Good = new()
    {
        Id = "s",
        Pid = 1,
        Check = new() { Ready = true, Features = new() { RootfsForms = [RootfsForm.Block] } },
        Prepared = new() { NetworkNamespacePath = "/n" },
        Owned = [new("i", "container", "d")],
        Image = new(1, 1, "/m"),
        Info = new() { Pid = 3, NamespacePaths = new Dictionary<string, string> { ["pid"] = "/p" }, Details = new Dictionary<string, string> { ["a"] = "b" } },
        Usage = new() { Timestamp = DateTimeOffset.UnixEpoch, CpuPressure = new(new(1, 2, 3, 4), null) },
        Exit = new() { Code = 255, FinishedAt = DateTimeOffset.UnixEpoch, LostReason = "r" },
        Pids = [1, 2],
        Containers = [new("c", 0)],
        Failure = new(RuntimeErrorCode.Busy, "f"),
    };

    [Fact]
    public void Find_InWhatTheContractAllows_Nothing()
    {
        Assert.Null(Find(Good));
        Assert.Null(Find(new()));
    }

    public static TheoryData<string, string> Wrong => new()
    {
        { """{ "Check": { "Ready": true } }""", "ociVersion" },
        { """{ "Check": { "Ready": true, "OciVersion": "one", "Features": { "RootfsForms": [0] } } }""", "ociVersion" },
        { """{ "Check": { "Ready": true, "OciVersion": "1.0.2" } }""", "features" },
        { """{ "Check": { "Ready": true, "OciVersion": "1.0.2", "Features": { "RootfsForms": [99] } } }""", "features" },
        { """{ "Prepared": { "NetworkNamespacePath": "../../etc" } }""", "absolute" },
        { """{ "Owned": [ null ] }""", "null" },
        { """{ "Owned": [ { "Id": "x" } ] }""", "null" },
        { """{ "Image": { "UsedBytes": -1, "InodesUsed": 0, "Mountpoint": "/" } }""", "below 0" },
        { """{ "Info": { "Pid": 1 } }""", "null" },
        { """{ "Usage": { "Timestamp": "2026-01-01T00:00:00Z", "CpuPressure": {} } }""", "stall" },
        { """{ "Exit": { "Code": 300, "FinishedAt": "2026-01-01T00:00:00Z" } }""", "exit status" },
        { """{ "Exit": { "Code": 0, "FinishedAt": "9999-01-01T00:00:00Z" } }""", "no time" },
        { """{ "Pids": [ 0 ] }""", "pid" },
        { """{ "Containers": [ {} ] }""", "null" },
        { """{ "Failure": { "Code": 77, "Message": "m" } }""", "code" },
        { """{ "Failure": { } }""", "message" },
        { "{ \"Id\": \"" + new string('x', 100_000) + "\" }", "characters" },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void Find_InWhatItDoesNot_TheReason(string json, string reason) => Assert.Contains(reason, Find(WireJson.ReadAnswer(Encoding.UTF8.GetBytes(json)))!, StringComparison.Ordinal);

    /// <summary>Bytes of a good answer changed at random are refused, or read and judged: nothing else is thrown.</summary>
    [Fact]
    public void AnyBytes_AreJudged()
    {
        var good = WireJson.Write(Good);
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte).Array[1, 4].Sample(
            changes =>
            {
                var bytes = (byte[])good.Clone();
                foreach (var (at, value) in changes)
                {
                    bytes[at] = value;
                }

                try
                {
                    _ = Find(WireJson.ReadAnswer(bytes));
                }
                catch (InvalidDataException)
                {
                    return; // refused before it is judged
                }
            },
            iter: 2000,
            threads: 1);
    }

    private static string? Find(WireAnswer answer) => AnswerChecks.Find(answer, TimeProvider.System);
}
