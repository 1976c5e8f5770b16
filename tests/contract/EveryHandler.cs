using System.Text.Json;
using Berth.Abstractions;
using Berth.Plugins.Oci;

namespace Berth.Tests.Contract;

/// <summary>A handler that the suite runs against: a plugin and options for it.</summary>
/// <param name="Name">The handler's name.</param>
/// <param name="NewPlugin">Makes the plugin.</param>
/// <param name="Options">The handler's options.</param>
internal sealed record HandlerUnderTest(string Name, Func<IRuntimePlugin> NewPlugin, object Options)
{
    // gVisor on the pod's network; see plugins/oci/README.md.
    private static readonly string[] RunscArguments = ["--platform=ptrace", "--network=host"];

    public static IReadOnlyList<HandlerUnderTest> All { get; } =
    [
        new("runc", static () => new OciPlugin(), new { path = "runc" }),
        new("crun", static () => new OciPlugin(), new { path = "crun" }),
        new("runsc", static () => new OciPlugin(), new
        {
            path = "runsc",
            arguments = RunscArguments,
            signals = "runtime",
            lacks = (string[])["hostNamespaces", "sharedPidNamespace", "privileged", "devices"],
        }),
    ];

    public static HandlerUnderTest Named(string name) => All.Single(h => h.Name == name);

    public JsonElement OptionsJson => JsonSerializer.SerializeToElement(Options);
}

/// <summary>Every handler, once called directly and once with every request and answer turned into JSON and back.</summary>
public sealed class EveryHandler : TheoryData<string, bool>
{
    public EveryHandler()
    {
        foreach (var handler in HandlerUnderTest.All)
        {
            Add(handler.Name, false);
            Add(handler.Name, true);
        }
    }
}
