using System.Buffers;
using System.Text.Unicode;
using Berth.Cri.Mapping;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Berth.Cri.Wire;

/// <summary>Looks at the texts of a message as it came, before they are texts: whether they are UTF-8, and have no NUL.</summary>
internal static class WireText
{
    // As deep as the generated parser goes.
    private const int Deepest = 100;

    /// <summary>Refuses a text with a NUL byte. Numbers and flags of 0 are not sent, so most messages have no such byte at all.</summary>
    public static void RefuseNul(ReadOnlySequence<byte> payload, MessageDescriptor descriptor)
    {
        if (payload.PositionOf((byte)0) is not null
            && Find(payload, descriptor, static text => text.Contains((byte)0)) is { } field)
        {
            throw Field.Wrong(field, "contains a NUL byte; leave it out");
        }
    }

    /// <summary>Why the parser refuses the message; null if it is not for a text.</summary>
    public static string? Explain(ReadOnlySequence<byte> payload, MessageDescriptor descriptor) =>
        Find(payload, descriptor, static text => !Utf8.IsValid(text)) is { } field ? $"{field} is not UTF-8 text" : null;

    private delegate bool Test(ReadOnlySpan<byte> text);

    private static string? Find(ReadOnlySequence<byte> payload, MessageDescriptor descriptor, Test isWrong)
    {
        try
        {
            return Find(payload.ToArray(), descriptor, isWrong, 0);
        }
        catch (InvalidProtocolBufferException)
        {
            return null; // cut or garbled: the parser says so itself
        }
    }

    private static string? Find(ReadOnlyMemory<byte> payload, MessageDescriptor descriptor, Test isWrong, int depth)
    {
        using var input = new CodedInputStream(new MemoryStream(payload.ToArray(), writable: false));
        while (input.ReadTag() is > 0 and var tag)
        {
            var field = descriptor.FindFieldByNumber(WireFormat.GetTagFieldNumber(tag));
            if (field is null || WireFormat.GetTagWireType(tag) != WireFormat.WireType.LengthDelimited)
            {
                input.SkipLastField();
                continue;
            }

            var content = input.ReadBytes().Memory;
            if (field.FieldType == FieldType.String && isWrong(content.Span))
            {
                return field.Name;
            }

            if (field.FieldType == FieldType.Message && depth < Deepest && Find(content, field.MessageType, isWrong, depth + 1) is { } inner)
            {
                return $"{field.Name}.{inner}";
            }
        }

        return null;
    }
}
