using Berth.Abstractions;
using Berth.Containers.Cdi;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Cdi;

public sealed class CdiSpecFileTests
{
    private const string Json = """
        {
          "cdiVersion": "1.0.0", "kind": "vendor.com/gpu", "annotations": { "a": "b" },
          "devices": [{ "name": "0", "containerEdits": { "deviceNodes": [{ "path": "/dev/gpu0", "hostPath": "/dev/null", "fileMode": 438, "permissions": "rw" }] } }],
          "containerEdits": {
            "env": ["GPU=yes"], "mounts": [{ "hostPath": "/lib", "containerPath": "/gpu", "type": "none", "options": ["ro", "bind"] }],
            "hooks": [{ "hookName": "createContainer", "path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 5 }],
            "additionalGids": [44], "intelRdt": { "closID": "gold", "enableCMT": true }
          }
        }
        """;

    [Fact]
    public void Parse_JsonAndYaml_SayTheSame()
    {
        var json = CdiSpecFile.Parse(Json, "/x.json");
        var yaml = CdiSpecFile.Parse("""
            cdiVersion: "1.0.0"
            kind: vendor.com/gpu
            annotations: {a: b}
            devices:
              - name: "0"
                containerEdits:
                  deviceNodes: [{path: /dev/gpu0, hostPath: /dev/null, fileMode: 0666, permissions: rw}]
            containerEdits:
              env: [GPU=yes]
              mounts: [{hostPath: /lib, containerPath: /gpu, type: none, options: [ro, bind]}]
              hooks: [{hookName: createContainer, path: /bin/true, args: ["true"], env: [A=b], timeout: 5}]
              additionalGids: [44]
              intelRdt: {closID: gold, enableCMT: true}
            """, "/x.yaml");

        Assert.Equal("vendor.com/gpu", json.Kind);
        Assert.Equal(0b110_110_110u, json.Devices[0].ContainerEdits!.DeviceNodes[0].FileMode);
        Assert.Equal(System.Text.Json.JsonSerializer.Serialize(json), System.Text.Json.JsonSerializer.Serialize(yaml));
    }

    [Theory]
    [InlineData("\"1.0.0\"", "\"9.0.0\"", "9.0.0")]
    [InlineData("\"1.0.0\"", "\"0.6.0\"", "came with 0.7.0")]
    [InlineData("vendor.com/gpu", "vendor.com", "not like vendor.com/class")]
    [InlineData("\"name\": \"0\"", "\"name\": \"../0\"", "not a name for a device")]
    [InlineData("\"env\"", "\"environment\"", "environment")]
    [InlineData("GPU=yes", "GPU", "NAME=value")]
    [InlineData("\"/dev/gpu0\"", "\"dev/gpu0\"", "absolute")]
    [InlineData("\"/dev/gpu0\"", "\"/dev/../etc\"", "absolute")]
    [InlineData("\"rw\"", "\"rx\"", "letters of rwm")]
    [InlineData("createContainer", "prestop", "not a hook")]
    [InlineData("\"/bin/true\"", "\"true\"", "absolute")]
    [InlineData("\"timeout\": 5", "\"timeout\": 0", "above 0")]
    [InlineData("\"gold\"", "\"../gold\"", "class of RDT")]
    [InlineData("\"/gpu\"", "\"gpu\"", "absolute containerPath")]
    [InlineData("[\"GPU=yes\"]", "null", "null")]
    [InlineData("[\"ro\", \"bind\"]", "[null]", "the mount at")]
    [InlineData("[\"true\"]", "[null]", "argument")]
    [InlineData("[{ \"name\"", "[null, { \"name\"", "not a name for a device")]
    [InlineData("[44]", "[-1]", "")]
    [InlineData("{", "[", "")]
    public void Parse_Wrong_NamesFileAndMistake(string right, string wrong, string named)
    {
        var text = Json.Replace(right, wrong, StringComparison.Ordinal);
        Assert.NotEqual(Json, text);
        var failure = Assert.Throws<RuntimeException>(() => CdiSpecFile.Parse(text, "/etc/cdi/x.json"));
        Assert.StartsWith("/etc/cdi/x.json: ", failure.Message, StringComparison.Ordinal);
        Assert.Contains(named, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_TheSameDeviceTwice_IsRefused() => Assert.Contains(
        "twice",
        Assert.Throws<RuntimeException>(() => CdiSpecFile.Parse("""{"cdiVersion":"0.6.0","kind":"a.b/c","devices":[{"name":"x"},{"name":"x"}]}""", "/x.json")).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("0.3.0", """[{"name":"1"}]""", "0.5.0")]
    [InlineData("0.5.0", """[{"name":"x","annotations":{"a":"b"}}]""", "0.6.0")]
    [InlineData("0.3.0", """[{"name":"x","containerEdits":{"mounts":[{"hostPath":"/a","containerPath":"/b","type":"none"}]}}]""", "0.4.0")]
    [InlineData("0.6.0", """[{"name":"x","containerEdits":{"additionalGids":[1]}}]""", "0.7.0")]
    [InlineData("1.0.0", """[{"name":"x","containerEdits":{"netDevices":[{"hostInterfaceName":"e","name":"f"}]}}]""", "1.1.0")]
    public void Parse_MoreThanItsVersionHas_IsRefused(string version, string devices, string needed)
    {
        string Text(string v) => $$"""{"cdiVersion":"{{v}}","kind":"a.b/c","devices":{{devices}}}""";
        Assert.Contains($"came with {needed}", Assert.Throws<RuntimeException>(() => CdiSpecFile.Parse(Text(version), "/x.json")).Message, StringComparison.Ordinal);
        Assert.NotNull(CdiSpecFile.Parse(Text(needed), "/x.json"));
    }

    [Fact]
    public void Parse_AnyText_IsRefusedOrRead() =>
        Gen.Select(Gen.Int[0, Json.Length - 1], Gen.Int[0, 12], Gen.String[Gen.Char["{}[]\":,0x/=\n- &*\0"], 0, 6], Gen.Bool).Sample((at, length, insert, yaml) =>
        {
            var text = string.Concat(Json.AsSpan(0, at), insert, Json.AsSpan(Math.Min(Json.Length, at + length)));
            try
            {
                Assert.NotEmpty(CdiSpecFile.Parse(text, yaml ? "/x.yaml" : "/x.json").Devices);
            }
            catch (RuntimeException e)
            {
                Assert.StartsWith("/x.", e.Message, StringComparison.Ordinal);
            }
        });

    [Theory]
    [InlineData("vendor.com/class=name")]
    [InlineData("v/c=0")]
    [InlineData("nvidia.com/gpu=GPU-1:0")]
    public void Name_Right_IsSplit(string text) => Assert.Equal(text, CdiName.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("name")]
    [InlineData("vendor.com/class")]
    [InlineData("vendor.com=name")]
    [InlineData("vendor.com/a/b=name")]
    [InlineData("vendor.com/class=")]
    [InlineData("vendor.com/class=a,b")]
    [InlineData("/class=a")]
    [InlineData("1vendor/class=a")]
    [InlineData("vendor.com/class=../a")]
    [InlineData("vendor.com/class=a\n")]
    public void Name_Wrong_IsRefused(string text) => Assert.Equal(RuntimeErrorCode.InvalidArgument, Assert.Throws<RuntimeException>(() => CdiName.Parse(text)).Code);
}
