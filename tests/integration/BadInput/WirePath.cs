using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Berth.Tests.Integration.BadInput;

/// <summary>The way to one text of a message, from the outside in.</summary>
internal sealed class WirePath(IReadOnlyList<FieldDescriptor> fields)
{
    private const int Deepest = 6;

    /// <summary>As a refusal names it.</summary>
    public string Name => string.Join('.', fields.Select(static f => f.Name));

    /// <summary>The ways to all texts of a type.</summary>
    public static IEnumerable<WirePath> Texts(MessageDescriptor type) => Texts(type, []);

    /// <summary>A message that has nothing but these bytes at the end of the way.</summary>
    public byte[] Message(byte[] text) => fields.Reverse().Aggregate(text, static (content, field) =>
    {
        using var stream = new MemoryStream();
        using var output = new CodedOutputStream(stream);
        output.WriteTag(field.FieldNumber, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(content));
        output.Flush();
        return stream.ToArray();
    });

    private static IEnumerable<WirePath> Texts(MessageDescriptor type, IReadOnlyList<FieldDescriptor> above)
    {
        foreach (var field in type.Fields.InDeclarationOrder())
        {
            IReadOnlyList<FieldDescriptor> way = [.. above, field];
            if (field.FieldType == FieldType.String)
            {
                yield return new(way);
            }
            else if (field.FieldType == FieldType.Message && way.Count < Deepest)
            {
                foreach (var inner in Texts(field.MessageType, way))
                {
                    yield return inner;
                }
            }
        }
    }
}
