using System.Text;
using System.Text.Json.Nodes;
using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Tests.Contract;

/// <summary>The three pipes of a client: its ends, and those that a request names.</summary>
internal sealed class Streams : IDisposable
{
    private readonly SafeFd _theirInput;

    public Streams()
    {
        (_theirInput, Input) = SafeFd.Pipe();
    }

    /// <summary>What is written here the process reads; disposing of it is the end.</summary>
    public SafeFd Input { get; }

    public PipeCapture Output { get; } = new(1024 * 1024, keepTail: false);

    public PipeCapture Error { get; } = new(1024 * 1024, keepTail: false);

    public StdioEndpoint Stdin => new(_theirInput.Number, null);

    public StdioEndpoint Stdout => new(Output.WriteEnd.Number, null);

    public StdioEndpoint Stderr => new(Error.WriteEnd.Number, null);

    /// <summary>To be called once the handler has its own copies; then output is read to its end.</summary>
    public Task ReadAsync()
    {
        _theirInput.Dispose();
        Output.WriteEnd.Dispose();
        Error.WriteEnd.Dispose();
        return Task.WhenAll(Output.ReadAsync(null, CancellationToken.None), Error.ReadAsync(null, CancellationToken.None));
    }

    public string Text => Encoding.UTF8.GetString(Output.ToArray());

    /// <summary>Returns once the output holds a text.</summary>
    public async Task SeesAsync(string text)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!Text.Contains(text, StringComparison.Ordinal))
        {
            await Task.Delay(2, limit.Token);
        }
    }

    public void Dispose()
    {
        _theirInput.Dispose();
        Input.Dispose();
        Output.Dispose();
        Error.Dispose();
    }

    /// <summary>Asks for a terminal in a file with a process object, or in a bundle's config.json.</summary>
    public static string WithTerminal(string file)
    {
        var json = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        (json["process"] as JsonObject ?? json)["terminal"] = true;
        File.WriteAllText(file, json.ToJsonString());
        return file;
    }
}
