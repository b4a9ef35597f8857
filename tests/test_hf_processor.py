"""Tokenizer and processor: published ids and texts, safe rendering, batches, counts, saving, Auto classes."""

from __future__ import annotations

import base64
import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoProcessor, AutoTokenizer  # noqa: E402
from transformers.utils.chat_template_utils import render_jinja_template  # noqa: E402

import adotx.hf as hf  # noqa: E402
from adotx.checkpoint import AxTokenizer, read_config  # noqa: E402
from adotx.errors import AdotxError  # noqa: E402
from test_hf_parts import CONTROL, TOOL_TAGS, small_config, small_model, write_processor  # noqa: E402

RED, WIDE = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (128, 64), "blue")
ASK = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what?"}]}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = write_processor(tmp_path_factory.mktemp("processor"))
    small_config().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def processor(folder):
    return AutoProcessor.from_pretrained(folder, trust_remote_code=True)


def golden(shared, name, family):
    return json.loads((shared / "ax4" / "golden" / name).read_text(encoding="utf-8"))[family]


@pytest.mark.parametrize("family", ["vl", "light"])
def test_published_tokenizer_files_give_the_golden_ids(shared, family, tmp_path):
    folder = shared / "ax4" / family
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    assert isinstance(tokenizer, hf.AX4Tokenizer) and len(tokenizer) == 102400
    assert tokenizer.eos_token_id == 27 and tokenizer.pad_token_id == 1 and tokenizer.bos_token_id == 0
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    again = AutoTokenizer.from_pretrained(tmp_path)
    for case in golden(shared, "tokens.json", family):
        for one in (tokenizer, again):
            assert one.encode(case["text"]) == case["ids"], case
    for chat in golden(shared, "chats.json", family):
        options = {"tools": chat.get("tools")}
        options["add_generation_prompt"] = chat.get("add_generation_prompt", True)
        assert tokenizer.apply_chat_template(chat["messages"], **options) == chat["ids"]
        text = tokenizer.apply_chat_template(chat["messages"], tokenize=False, **options)
        assert text == chat["rendered"] and tokenizer(text)["input_ids"] == chat["ids"]
        assert tokenizer.decode(chat["ids"]) == chat["rendered"]
        by_jinja, _ = render_jinja_template(
            conversations=[chat["messages"]], chat_template=again.chat_template, **options
        )
        assert by_jinja == [chat["rendered"]]
    saved = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert saved["tokenizer_class"] == "GPT2Tokenizer" and "auto_map" not in saved


def test_other_tokenizers_go_the_old_way(tmp_path):
    from transformers import GPT2Tokenizer

    GPT2Tokenizer(vocab={"a": 0, "b": 1, "<|endoftext|>": 2}, merges=[]).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    assert type(AutoTokenizer.from_pretrained(tmp_path)) is GPT2Tokenizer


def test_a_tokenizer_that_splits_its_own_way_is_followed(tmp_path):
    write_processor(tmp_path)
    document = json.loads((tmp_path / "tokenizer.json").read_text())
    digits = {"type": "Digits", "individual_digits": True}
    byte_level = {**document["pre_tokenizer"], "use_regex": False}
    document["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, byte_level]}
    document["normalizer"] = {"type": "NFC"}
    document["model"]["vocab"]["11"] = 297
    document["model"]["merges"] = [["1", "1"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(document))
    tokenizer = hf.load_family_tokenizer(tmp_path)
    for text in ("11 a11", "e\u0301"):
        assert (
            tokenizer.encode(text) == AxTokenizer.open(tmp_path).encode(text) == tokenizer.plain.encode(text)
        )


def test_rendering_by_id_is_safe(processor):
    nasty = "".join(CONTROL + TOOL_TAGS)
    chat = [
        {"role": "system", "content": nasty},
        {"role": "user", "content": [{"type": "text", "text": nasty}, {"type": "image", "image": RED}]},
        {"role": "tool", "content": nasty},
    ]
    tool = {"type": "function", "function": {"name": "f", "description": nasty, "parameters": {}}}
    ids = processor.apply_chat_template(chat, tools=[tool], tokenize=True, return_dict=True)["input_ids"][0]
    assert ids.count(22) == 4 and ids.count(27) == 3 and ids.count(25) == 3
    plain = [i for i in ids if i > 40]
    assert processor.tokenizer.decode(plain).count(nasty) == 4


def test_both_roads_agree(processor):
    text = processor.apply_chat_template(ASK, add_generation_prompt=True)
    assert text.count("<|extra_id_11|>") == 1
    by_text = processor(images=[WIDE], text=[text], padding=True, return_tensors="pt")
    by_id = processor.apply_chat_template(
        ASK, images=[WIDE], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    assert list(by_text) == list(by_id) == ["input_ids", "attention_mask", "pixel_values", "image_sizes"]
    for key in by_text:
        assert torch.equal(by_text[key], by_id[key]), key
    assert (by_text.input_ids == 22).sum() == 3 * 4 and by_text.image_sizes.tolist() == [[128, 64]]
    by_chat = processor(conversations=[ASK], images=[WIDE], return_tensors="pt")
    assert torch.equal(by_chat.input_ids, by_id.input_ids[:, :-2])
    assert processor.apply_chat_template(ASK, images=[WIDE], tokenize=True) == [
        processor.apply_chat_template(ASK, images=[WIDE], tokenize=True, return_tensors="pt")[0].tolist()
    ]


def test_pictures_inside_the_messages(processor, tmp_path):
    WIDE.save(tmp_path / "wide.png")
    data = base64.b64encode((tmp_path / "wide.png").read_bytes()).decode()
    forms = [
        {"type": "image", "image": WIDE},
        {"type": "image", "path": str(tmp_path / "wide.png")},
        {"type": "image", "url": f"file://{tmp_path / 'wide.png'}"},
        {"type": "image", "base64": data},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
    ]
    content = [*forms, {"type": "image"}, {"type": "text", "text": "which?"}]
    out = processor.apply_chat_template(
        [{"role": "user", "content": content}], images=[RED], tokenize=True, return_dict=True
    )
    assert out["pixel_values"].shape == (5 * 3 + 1, 3, 64, 64) and out["input_ids"][0].count(22) == 16 * 4
    refused = [
        ([{"type": "image", "url": "https://example.com/a.png"}], "not fetched"),
        ([{"type": "image", "base64": "%%%"}], "base64"),
        ([{"type": "image"}, {"type": "image"}], "2 image parts without an image but 1 images"),
        ([{"type": "text", "text": "none"}], "0 image parts without an image but 1 images"),
    ]
    for parts, message in refused:
        with pytest.raises(AdotxError, match=message):
            processor.apply_chat_template([{"role": "user", "content": parts}], images=[RED], tokenize=True)


def test_count_mismatches_both_ways(processor):
    text = processor.apply_chat_template(ASK)
    for images, texts, numbers in [
        ([RED], [text, text], "2 image tokens .* 1 images"),
        ([RED, RED], text, "1 image tokens .* 2 images"),
        (None, text, "1 image tokens .* 0 images"),
        ([RED], "none", "0 image tokens .* 1 images"),
    ]:
        with pytest.raises(AdotxError, match=numbers):
            processor(images=images, text=texts)
    with pytest.raises(AdotxError, match="3 image slots are left of 4"):
        processor(images=RED, text="<|extra_id_11|>", truncation=True, max_length=3)
    with pytest.raises(AdotxError, match="neither"):
        processor()
    assert list(processor(text="words")) == ["input_ids", "attention_mask"]


def test_batches_are_padded_to_be_continued_and_masked_for_training(processor):
    chats = [
        [*ASK, {"role": "assistant", "content": "red"}],
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
    ]
    for side in ("left", "right"):
        out = processor.apply_chat_template(
            chats,
            images=[RED],
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            return_assistant_tokens_mask=True,
            processor_kwargs={} if side == "left" else {"padding_side": side, "pad_to_multiple_of": 8},
        )
        ids, mask, trained = out.input_ids, out.attention_mask, out.assistant_masks
        assert ids.shape == mask.shape == trained.shape and (ids[mask == 0] == 1).all()
        short = mask.sum(1).argmin()
        assert mask[short, 0 if side == "left" else -1] == 0
        for row, answer in enumerate(("red", "hello")):
            assert processor.tokenizer.decode(ids[row][trained[row] == 1]) == answer + "<|im_end|>"
        if side == "right":
            assert ids.shape[1] % 8 == 0
    texts = processor.apply_chat_template(chats)
    by_text = processor(images=[[RED], []], text=texts, padding=True, return_tensors="pt")
    assert by_text.attention_mask[1, 0] == 0 and by_text.attention_mask[:, -1].all()


def test_continuing_an_answer(processor):
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "so"}]
    text = processor.apply_chat_template(chat, continue_final_message=True)
    ids = processor.apply_chat_template(chat, continue_final_message=True, tokenize=True)[0]
    assert text.endswith("so") and processor.tokenizer.decode(ids) == text
    with pytest.raises(AdotxError, match="exclude"):
        processor.apply_chat_template(chat, continue_final_message=True, add_generation_prompt=True)


def test_tokenizer_renders_what_transformers_promises(processor):
    tokenizer = processor.tokenizer
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]
    ids = tokenizer.apply_chat_template(chat)
    assert isinstance(ids, list) and isinstance(ids[0], int)
    assert tokenizer.apply_chat_template(chat, return_tensors="pt").shape == (1, len(ids))
    both = tokenizer.apply_chat_template(
        [chat, chat[:1]], return_dict=True, return_tensors="pt", return_assistant_tokens_mask=True
    )
    assert both["attention_mask"].sum() == len(ids) + len(tokenizer.apply_chat_template(chat[:1]))
    assert tokenizer.decode(both["input_ids"][0][both["assistant_masks"][0] == 1]) == "yes<|im_end|>"
    own = "{% for m in messages %}{{ m.content }};{% endfor %}"
    assert tokenizer.apply_chat_template(chat, chat_template=own, tokenize=False) == "hi;yes;"
    assert processor.apply_chat_template(chat, chat_template=own) == "hi;yes;"

    def weather(city: str) -> str:
        """Tell the weather.

        Args:
            city: the city.
        """

    assert '"name": "weather"' in tokenizer.apply_chat_template(chat, tools=[weather], tokenize=False)


def test_saving_and_loading(processor, tmp_path):
    processor.save_pretrained(tmp_path)
    names = {"chat_template.jinja", "preprocessor_config.json", "processor_config.json", "tokenizer.json"}
    assert names <= {path.name for path in tmp_path.iterdir()}
    small_config().save_pretrained(tmp_path)
    again = AutoProcessor.from_pretrained(tmp_path)
    assert again.num_tokens_per_tile == 4 and again.image_token_id == 22
    assert again.image_processor.tile_rule == processor.image_processor.tile_rule
    out = [p(images=WIDE, text="<|extra_id_11|>가", return_tensors="pt") for p in (processor, again)]
    assert all(torch.equal(out[0][key], out[1][key]) for key in out[0])
    # the rooms without torch read the same rule
    rule = read_config(tmp_path).tiles
    assert (rule.tile_size, rule.max_tiles, rule.tokens_per_tile) == (64, 4, 4)
    assert AxTokenizer.open(tmp_path).encode("가나") == again.tokenizer.encode("가나")
    by_jinja, _ = render_jinja_template(
        conversations=[ASK],
        chat_template=(tmp_path / "chat_template.jinja").read_text(encoding="utf-8"),
        add_generation_prompt=True,
    )
    assert by_jinja == [processor.apply_chat_template(ASK, add_generation_prompt=True)]


def test_templates_of_the_files(folder, tmp_path):
    write_processor(tmp_path)
    small_config().save_pretrained(tmp_path)
    published = "{{ '<|im_start|><|user|>' + messages[0]['content'] + '<|im_end|>' }}"
    (tmp_path / "chat_template.jinja").write_text(published)
    null = [{"role": "user", "content": None}]
    assert AutoProcessor.from_pretrained(tmp_path).apply_chat_template(null).endswith("<|user|><|im_end|>")
    kept = AutoProcessor.from_pretrained(tmp_path, chat_template="own")
    assert kept.apply_chat_template(null) == "own"
    assert AutoTokenizer.from_pretrained(tmp_path, chat_template="own").chat_template == "own"


def test_remote_code_never_runs(folder, tmp_path):
    write_processor(tmp_path)
    small_model().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["auto_map"] = {
        "AutoConfig": "configuration_ax4vl.AX4VLConfig",
        "AutoModelForCausalLM": "modeling_ax4vl.AX4VLForConditionalGeneration",
        "AutoProcessor": "processing_ax4vl.AX4VLProcessor",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    for name in ("configuration", "modeling", "processing", "image_processing"):
        (tmp_path / f"{name}_ax4vl.py").write_text("raise SystemExit('remote code ran')")
    assert type(AutoConfig.from_pretrained(tmp_path, trust_remote_code=True)) is hf.AX4VLConfig
    model = AutoModelForCausalLM.from_pretrained(tmp_path, trust_remote_code=True)
    assert type(model) is hf.AX4VLForConditionalGeneration
    processor = AutoProcessor.from_pretrained(tmp_path, trust_remote_code=True)
    assert type(processor) is hf.AX4VLProcessor and type(processor.tokenizer) is hf.AX4Tokenizer
    assert type(processor.image_processor) is hf.AX4VLImageProcessor
    try:
        from transformers import AutoImageProcessor

        found = AutoImageProcessor.from_pretrained(tmp_path, trust_remote_code=True)
        assert type(found) is hf.AX4VLImageProcessor
    except ImportError as error:  # transformers 5.16 wants torchvision for this one class
        assert "Torchvision" in str(error)
    for part in (model, processor):
        part.save_pretrained(tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*.py"))
    assert not any("auto_map" in path.read_text() for path in (tmp_path / "saved").glob("*.json"))


def test_model_and_processor_together(processor):
    model = small_model()
    inputs = processor.apply_chat_template(
        [ASK, ASK],
        images=[RED, WIDE],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    made = model.generate(**inputs, max_new_tokens=5, do_sample=False)
    texts = processor.batch_decode(made[:, inputs.input_ids.shape[1] :], skip_special_tokens=True)
    assert len(texts) == 2 and all(isinstance(text, str) for text in texts)


def test_pictures_of_results_in_another_order_than_their_calls_are_refused(processor):
    calls = [{"id": each, "function": {"name": "f", "arguments": {}}} for each in "ab"]
    results = [
        {"role": "tool", "tool_call_id": each, "content": [{"type": "image", "image": image}]}
        for each, image in (("a", RED), ("b", WIDE))
    ]
    asked = [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": calls}]
    assert processor.apply_chat_template([*asked, *results], tokenize=True)
    with pytest.raises(AdotxError) as caught:
        processor.apply_chat_template([*asked, *results[::-1]], tokenize=True)
    assert caught.value.code == "chat.images"
