using System.Text.Json;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Network;

/// <summary>One execution of one plugin.</summary>
internal sealed record CniCall(string Command, CniNetworkList Network, CniPlugin Plugin, CniRequest Request, string Netns, JsonElement? PreviousResult)
{
    private const int MaxOutputBytes = 1024 * 1024;
    private const string InterfaceName = "eth0", ContainerId = "CNI_CONTAINERID";

    /// <summary>For messages.</summary>
    public string Description => $"CNI plugin '{Plugin.Type}' of network '{Network.Name}', {Command} of pod {Request.PodNamespace}/{Request.PodName}";

    /// <summary>What every process of a pod's ADD or DEL has in its environment, and no other.</summary>
    public static string ContainerIdEntry(string sandboxId) => $"{ContainerId}={sandboxId}";

    /// <summary>Runs it: its result, or null if it wrote none, as is usual for DEL.</summary>
    public async Task<JsonElement?> RunAsync(string path, string searchPath, CancellationToken cancellationToken)
    {
        var command = new Command { Path = path, Environment = Environment(searchPath) };
        try
        {
            var result = await CommandRunner.RunAsync(command, Input(), MaxOutputBytes, cancellationToken);
            return result.ExitCode == 0 ? ParseOutput(result.Output) : throw CniFault.FromExit(this, result);
        }
        catch (LinuxException e)
        {
            throw RuntimeException.Unavailable($"{Description}: {path} does not start: {e.Message}", e);
        }
        catch (InvalidDataException e)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"{Description}: killed, for {e.Message}", e);
        }
    }

    private Dictionary<string, string> Environment(string searchPath) => new()
    {
        ["CNI_COMMAND"] = Command,
        [ContainerId] = Request.SandboxId,
        ["CNI_NETNS"] = Netns,
        ["CNI_IFNAME"] = InterfaceName,
        ["CNI_ARGS"] = CniArguments.Build(Request),
        ["CNI_PATH"] = searchPath,
    };

    // CNI specification, section 3: "Deriving execution configuration from plugin configuration".
    private byte[] Input()
    {
        var config = JsonObject.Create(Plugin.Config)!;
        config.Remove("capabilities");
        config["name"] = Network.Name;
        config["cniVersion"] = Network.CniVersion;
        if (CniRuntimeConfig.Build(Plugin, Request) is { } runtimeConfig)
        {
            config["runtimeConfig"] = runtimeConfig;
        }

        if (PreviousResult is { } previous)
        {
            config["prevResult"] = JsonObject.Create(previous);
        }

        return JsonSerializer.SerializeToUtf8Bytes(config);
    }

    private JsonElement? ParseOutput(byte[] output)
    {
        if (output.AsSpan().Trim(" \r\n\t"u8).IsEmpty)
        {
            return null;
        }

        // What a DEL says is of no use to anyone; some plugins print a result there.
        if (Command == "DEL")
        {
            return null;
        }

        try
        {
            var result = JsonElement.Parse(output, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 16 });
            return result.ValueKind == JsonValueKind.Object ? result : throw new JsonException("it is not an object");
        }
        catch (JsonException e)
        {
            throw new RuntimeException(RuntimeErrorCode.Internal, $"{Description}: its result is not valid JSON: {e.Message}", e);
        }
    }
}
