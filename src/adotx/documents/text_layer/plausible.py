"""Whether a text might be what people write, by how often its letters follow each other elsewhere.

In: the text of a layer. Out: a verdict that costs no model. Where there is too little to tell, anything
might be.
"""

from __future__ import annotations

import re

# Pairs of letters that make up most of what is written in English and its neighbours.
_PAIRED = (
    "thheineranreonatenndtiesorteofedisitalarsttontngsehaasouiolevecomedehiriroicneearacelichllbemasi"
    "omurcaeltalansdifohopeecprnoctusacotiltrlyncetutsssorsunlowageiewheewiemadolrtpowenaulnitsmoowpa"
    "immiaishirsuidosiviaamficivipligtuevldrympfeblabghtyopwosaayexkeuifrooagifapgrodbosprddoucbueiov"
    "byrmepttocfaefcurnscgidayocrcldugaquueffbaeylsvaumppuauplugohtruugdsltpircrregauckewmubrbiptakpu"
    "rgibtlnykirkysobmmfuphogmsyeudmbipuboirlgudrhrcctwftwnnuafhunneovorvnfxpgnsmflizoknlmyglawjuoaeq"
    "syslpsjolfnvjenkkngsdyhyzeksxtbsikddpfrpwroe"
)
_PAIRS = frozenset(_PAIRED[at : at + 2] for at in range(0, len(_PAIRED), 2))

# The 600 most frequent syllables of Korean text: 98 of 100 in it.
USUAL = (
    "가각간갈감갑값갔강갖같개객거걱건걸검겁것게겠겨격견결겼경계고곳공과관광괜괴교구국군궁권귀규그극근"
    "글금급기긴길김깅깊까깨께껴꼭꾸꿈끔끝끼낌나난날남납났내낼냅냐냥너넌널넘넣네녀년념노놀높놓누눈느는"
    "늘능니닉닌닐님다단달담답당대더덕던덜데덱델도독돈돌동돼됐되된될됨됩두둘뒤듈드득든들듭듯등디딕딩따"
    "때떠떤떨떻또뜻라락란랄람랍랑래랜램략량러런럴럼럽렇레렉렌려력련렬렸령례로록론롭료룡루룹류률르른를"
    "름리릭린릴림립링마막만많말맘맛망맞매맨머먹먼멋메며면멸명몇모목몰몸못무문물뭐뭔므미민믿밀밌밍및바"
    "박밖반받발방배백버번벌범법베벤벽변별병보복본볼봅봉봐봤부분불붙뷰브블비빈빌빠뿐쁘쁜사삭산살삼상새"
    "색생서석선설성세섹셔션셨소속손솔송수숙순술숨숫쉬쉽스슨슬슴습슷승시식신실싫심십싱싶싸쌍써썬썸쓰쓸"
    "씨씩씬아악안않알암압았앞애액야약양어억언얻얼엄업없엇었에엔여역연열였영예옛오온올옵와완왔왜외요욕"
    "용우운울움웃워원월웠위유육율으은을음응의이익인일읽임입잇있잊자작잔잘잠잡장재잼쟁저적전절점접정제"
    "젝젠져졌조족존좀종좋죄죠주죽준줄줍중줘즈즉즐즘증지직진질짐집짓징짜짝째쪽찍차착찬찮찰참창찾채책처"
    "천첫청체쳐초총최추축출충취측층치칙친침칭카캐커컨컴케켓켜코콘콜퀀크큰클큼키킬킵타탁탄탈태택터턴테"
    "텍텐템토톡통투튜트특티팅파판패퍼페펴편평포폭폰폼표풀품풍프픈플피필핑하학한할함합항해핸했행향허험"
    "헤혀현협형호혹혼홍화확환활황회효후훈휴흐흥희히힘"
)

# The 1000 most frequent pairs of syllables inside of words: 58 of 100.
_SYLLABLE_PAIRED = (
    "니다하는합니습니에서으로사용하여영화있습한다경우용하하지입니하고저작또는에는이터데이모델있는하기"
    "다음지만됩니아니대한함수적으근로스트따라파일있다되는우에하면정하프로거나다른필요레이코드자는실행"
    "같은반환는데해당자가따른용자객체정의제공부터서는변수호출하게에게모든세요포함적인자의생성너무훈련"
    "작권시간작물수를하나위해사람들어트를파이용할으면방법해야재미까지기본문자항에설정드를토리라이재밌"
    "하다자에만들구성도록가지여야민법사항추가내용모듈되지정말다는클래보다행위네요로그서드래스변경이를"
    "메서연기이트처리정한참조해서이용요한것이조제때에지정이름행하그러여러그래소유이라권리대해하거지원"
    "규정없는것을입력이나델을위한리를하려발생다시이미생각되어로자이스하세보고조의령으것입드는자를부분"
    "터를의하이썬복제재산세트출력이상가능총칙려면환합않습관한매개것은구현대통통령니하값을는지때문령령"
    "자열이어작업들이성하예를대하이션표시당하진짜변환그램스를일반정보수행이제우리어요최고어야기간인자"
    "되었확인라인시작트에예제지는다면전에리는유권이는없이음과항의니한내에선택보호명령전달저장용한법인"
    "위하위원관리호의목적문에연산기에이하지를출하요소기준결과권의법률있으적용물품이것스토수는미지배우"
    "테스넌트컴포포넌리고트리다만계산작성로드화를터세성을정에므로없다다고미있면서검진그리이런장소표현"
    "감독반적과세마지지막보는산권용합대리건강조하기를보상개변사업일부리가인의작재이다타입드라러한이러"
    "받은물의라는설명청구드에많은감동인터시오환하나타로운스턴등의보여이지인스십시이브었다용되라고사랑"
    "턴스버전세스로부트가법에것으같이이프적이기능평점이전분의번째상태원회제한수가텐서개별여기하며바이"
    "인하새로물을모두법을라마리에동일개의않는상의소비특정단계에도들의렇게러나권법리스부장작자장관체를"
    "가장텍스기가대신드가조에아닌위에범위학습하십중에통해장에었습이고수도좋은함께일을하도않으간을강검"
    "문서밖에그냥인이않은관하공하러리어느자세처음업자있어들을브러지루경로방식트는언트형식그렇컴파트의"
    "조건사실자로들은있었화는설치로서정을이해화하보면페이현재치를지의당한임금타임문화구조문제어떤좋아"
    "대로원하등록기대음을리뷰유형등에아래또한겠습리얼리의줍니못한으며기관그런자동좋았로기환경서버스크"
    "렌더별소비세배포리하같다정도능한물권처럼업무요청지하결정된다일한점유정된있지동작없습준법더링영상"
    "용해전체배치주는러스빌드인을수에액션이야나에화가시스실제특성본법지급평가표준가져의미정합스의베이"
    "신청서를조정고의유지직접국가간이관련디렉크기작하장하실연프라검사되고튜토참고기는괜찮이거어서점이"
    "이유수의연결제작이드간에있을완전유자스템위를봤는공합권자보세률행수준작품스에서의용을있고어트사유"
    "옵션항목위의했다신고세한방송포인에러뷰트관계지금성이용은다운가하있게함하관광어진력이워크정할로세"
    "나는지에취소정되케이밖의이렇했습내부체육간의항을같습등을로시너리전송되면여는볼만식으터리메모의사"
    "러분정확화체육관광부키지제조이에느낌소멸아이제거값은사이단체시하드하의해이면레드메시력을코딩수로"
    "야기예외라서분류시효업데기술용됩소스바에시지스레트레가진값이상을발행클라션을제외행할치하업을구하"
    "초기의한장면목록이벤벤트않고나오샘플반복사하비스본다모리다가침해물등성된인지확장마이델의이언비교"
    "스가렉터요하서비시에인공리자위치많이분이유사예측자체성능기억패키알고동안손실실을받아인에음반스는"
    "체에러하않았체의라도본값았다한국이너개발인데나의소재스제노동산을인코간단공유리인터에주어여주계속"
    "능을활성주인호에영업마다제를화된지고터베가중오는수정단일현하보기어떻수입우들보를어지내는동적과를"
    "래프함한후에납부기화규칙떻게있도성화후견명시서에해하대체서브소를동으중치일에정수말이항제이며터가"
    "의존중단계약체가종료준용니라서로관은델에서도는다양자이들시다달하전히기도스터회의역시필드먼저일이"
    "해보사전시적봐도중요일치가를가는성합섹션없으말한만든가정속성기반요구리터스타급하드의기타만드아름"
    "단한행되분석연출기서소에작인별로제로의무용이항은인은점을련하주의체는션에금을인정작동시키공표소의"
    "이블있음보겠의를자신최적이내조치선언모르본적특별제하법원크립용도밌게터의구할능력위반항상가이임을"
    "지도물건플리인수숫자령을명하상대접근애플타내안에더라산자젝트련된었는유로유의삭제리케도구고하화에"
    "음에튜플배열차원명작진다리즈조를효력정규반전프리람이매력세를생하분할단순현실것도원은었던로젝가건"
    "테이시행렇지작은못하인트과하려고예시사의르게트로추론법은알아성할특히으므부를관의유용델은름을치에"
    "적화기기로써무서프레지가동의평균형을래도행권유흥다양살펴어를자와도를기의냅니했던요합고를고싶손해"
    "분포취득온라싶다내가정이이기만한개인하네정당패턴람들함되아직상당"
)
_USUAL = frozenset(USUAL)
_SYLLABLE_PAIRS = frozenset(_SYLLABLE_PAIRED[at : at + 2] for at in range(0, len(_SYLLABLE_PAIRED), 2))
# What no Chinese or Japanese text is without, and the least share of it: bytes taken for Hanja are any.
_FUNCTION_WORDS = frozenset("的是不了在有我這这中為为之其日本人年大一國国和以")
_FUNCTIONS = 0.04
# (so many at least, the least share of usual ones among them): pairs of Latin letters, syllables, pairs of
# syllables.
_LATIN, _SYLLABLES, _SYLLABLE_PAIR = (
    ((12, 0.6), (25, 0.72), (60, 0.75)),
    ((20, 0.5), (60, 0.7)),
    ((8, 0.13), (60, 0.12)),
)
# Words, but no codes of letters and figures.
_LATIN_WORDS = re.compile("(?<![a-z0-9])[a-z]{2,}(?![a-z0-9])")
# Less Hangul than this share of Latin letters is names.
_BESIDE = 0.2
# Hanja, or parts of syllables, that are enough to tell.
_FEW = 12
_MANY = 60


def is_plausible(text: str, few: bool = True) -> bool:
    """Whether a text might be what people write; True where there is too little of it to tell.

    A layer whose characters are all off by some is letters like any other: they do not follow each other as
    letters do, and its syllables are rare ones.

    Args:
        text: of one script.
        few: whether some words are enough to tell: names and headings are not as usual as prose.
    """
    least = 0 if few else _MANY
    words = re.findall("[가-힣]+", text)
    hangul = [char for word in words for char in word]
    latin = _LATIN_WORDS.findall(text.lower())
    if len(hangul) < _BESIDE * sum(map(len, latin)):
        least = _MANY  # some words in a page of another script
    parts = len(re.findall("[\u1100-\u11ff\u3131-\u318e]", text))
    if parts >= _FEW and parts > len(hangul):
        return False
    if _falls_short(hangul, _USUAL, _SYLLABLES, least):
        return False
    pairs = [word[at : at + 2] for word in words for at in range(len(word) - 1)]
    if _falls_short(pairs, _SYLLABLE_PAIRS, _SYLLABLE_PAIR, least):
        return False
    pairs = [word[at : at + 2] for word in latin for at in range(len(word) - 1)]
    return len(pairs) <= 0.5 * len(hangul) or not _falls_short(pairs, _PAIRS, _LATIN, least)


def is_odd_hanja(text: str) -> bool:
    """Whether a text is Hanja alone, and none that a language writes."""
    letters = [char for char in text if char.isalpha()]
    hanja = [char for char in letters if "\u4e00" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff"]
    if len(hanja) < max(_FEW, 0.6 * len(letters)):
        return False
    kana = sum("\u3040" <= char <= "\u30ff" for char in letters)
    return kana < 0.05 * len(letters) and sum(char in _FUNCTION_WORDS for char in hanja) < _FUNCTIONS * len(
        hanja
    )


def _falls_short(
    found: list[str], usual: frozenset[str], shares: tuple[tuple[int, float], ...], least: int
) -> bool:
    if len(found) < least:
        return False
    share = next((share for count, share in reversed(shares) if len(found) >= count), 0.0)
    return share > 0 and sum(each in usual for each in found) < share * len(found)
