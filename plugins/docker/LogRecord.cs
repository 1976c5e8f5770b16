using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Berth.Plugins.Docker;

/// <summary>
/// Turns a line of the Engine's json-file log into one of the CRI log. Always one into one, whatever the line holds, so that
/// counting lines tells how far a copy came.
/// </summary>
internal static class LogRecord
{
    private static readonly byte[] Unreadable = Encoding.UTF8.GetBytes("1970-01-01T00:00:00.000000000Z stderr F (a record of the container's log is not readable)\n");

    public static void Write(ReadOnlySpan<byte> json, ArrayBufferWriter<byte> target)
    {
        var rented = ArrayPool<byte>.Shared.Rent(json.Length + 1);
        try
        {
            if (!TryWrite(json, rented, target))
            {
                target.Write(Unreadable);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private static bool TryWrite(ReadOnlySpan<byte> json, Span<byte> room, ArrayBufferWriter<byte> target)
    {
        var (length, isError, time) = (0, false, new byte[64]);
        var timeLength = 0;
        try
        {
            var reader = new Utf8JsonReader(json);
            while (reader.Read())
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                var (isLog, isStream, isTime) = (reader.ValueTextEquals("log"u8), reader.ValueTextEquals("stream"u8), reader.ValueTextEquals("time"u8));
                reader.Read();
                if (isLog)
                {
                    length = reader.CopyString(room);
                }
                else if (isStream)
                {
                    isError = reader.ValueTextEquals("stderr"u8);
                }
                else if (isTime)
                {
                    timeLength = reader.CopyString(time);
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return false;
        }

        var text = room[..length];
        var isFull = !text.IsEmpty && text[^1] == (byte)'\n';
        text = isFull ? text[..^1] : text;
        if (text.Contains((byte)'\n') || !TryWriteTime(time.AsSpan(0, timeLength), target))
        {
            return false;
        }

        target.Write(isError ? " stderr "u8 : " stdout "u8);
        target.Write(isFull ? "F "u8 : "P "u8);
        target.Write(text);
        target.Write("\n"u8);
        return true;
    }

    // RFC 3339 in UTC; the Engine leaves out zeros at the end of the fraction, the CRI form has nine digits.
    private static bool TryWriteTime(ReadOnlySpan<byte> time, ArrayBufferWriter<byte> target)
    {
        const int seconds = 19, digits = 9;
        if (time.Length < seconds + 1 || time[^1] != (byte)'Z' || time.Length > seconds + digits + 2)
        {
            return false;
        }

        var fraction = time.Length > seconds + 2 ? time[(seconds + 1)..^1] : [];
        target.Write(time[..seconds]);
        target.Write("."u8);
        target.Write(fraction);
        target.Write("000000000"u8[fraction.Length..]);
        target.Write("Z"u8);
        return true;
    }
}
