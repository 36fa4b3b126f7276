package io.github.baichuanreward.eval;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.StringReader;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathExpressionException;
import javax.xml.xpath.XPathFactory;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** A page as a parser of XML reads it: it must be well-formed. */
final class ReportPage {

    private final Document document;

    private ReportPage(Document document) {
        this.document = document;
    }

    static ReportPage of(EvaluationReport report) throws Exception {
        DocumentBuilder parser = DocumentBuilderFactory.newInstance().newDocumentBuilder();
        parser.setErrorHandler(null);
        return new ReportPage(
                parser.parse(new InputSource(new StringReader(HtmlReport.html(report)))));
    }

    /** Elements that an XPath selects, in the page's order. */
    List<Element> all(String path) throws XPathExpressionException {
        NodeList nodes =
                (NodeList)
                        XPathFactory.newInstance()
                                .newXPath()
                                .evaluate(path, document, XPathConstants.NODESET);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            elements.add((Element) nodes.item(i));
        }
        return elements;
    }

    Element one(String path) throws XPathExpressionException {
        List<Element> elements = all(path);
        assertThat(elements).as(path).hasSize(1);
        return elements.get(0);
    }

    List<String> texts(String path) throws XPathExpressionException {
        return all(path).stream().map(Element::getTextContent).toList();
    }

    String text(String path) throws XPathExpressionException {
        return one(path).getTextContent();
    }

    /** The value that stands under a name in the summary. */
    String figure(String name) throws XPathExpressionException {
        return text("//dl/div[dt='" + name + "']/dd[@class='value']");
    }

    String note(String name) throws XPathExpressionException {
        return text("//dl/div[dt='" + name + "']/dd[@class='note']");
    }

    static double number(Element element, String attribute) {
        return Double.parseDouble(element.getAttribute(attribute).replace("%", ""));
    }
}
