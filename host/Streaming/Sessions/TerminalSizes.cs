using System.Text.Json;

namespace Berth.Streaming.Sessions;

/// <summary>
/// Reads sizes of a terminal from a stream of objects <c>{"Width":80,"Height":24}</c>, cut anywhere. What is no size is skipped: a
/// wrong window is no reason to end a session.
/// </summary>
internal sealed class TerminalSizes
{
    // A terminal has at most 1000 cells each way in the contract (the limit of conmon).
    private const int MaxCells = 1000;
    private const int MaxObjectBytes = 256;
    private static readonly JsonSerializerOptions AnyCase = new() { PropertyNameCaseInsensitive = true };
    private readonly List<byte> _object = [];

    /// <summary>The last size that is whole with these bytes, or null.</summary>
    public (int Columns, int Rows)? Last(ReadOnlySpan<byte> bytes)
    {
        (int, int)? last = null;
        foreach (var b in bytes)
        {
            _object.Add(b);
            if (b == (byte)'}')
            {
                last = Parse() ?? last;
                _object.Clear();
            }
            else if (_object.Count > MaxObjectBytes)
            {
                _object.Clear();
            }
        }

        return last;
    }

    private (int, int)? Parse()
    {
        try
        {
            return JsonSerializer.Deserialize<Size>(_object.ToArray(), AnyCase) is { Width: > 0, Height: > 0 } size
                ? (Math.Min((int)size.Width, MaxCells), Math.Min((int)size.Height, MaxCells))
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private sealed record Size(ushort Width, ushort Height);
}
